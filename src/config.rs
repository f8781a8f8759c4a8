//! Drop-ins to settings.
