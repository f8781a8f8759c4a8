//! The decisions as sentences: what is given, and the whole printed plan.

mod disks;
mod doctor;
mod emptied;
mod evidence;
mod figures;
mod founding;
mod given;
mod health;
mod heard;
mod identity;
mod leaving;
mod membership;
mod names;
mod recovery;
mod rejoining;
mod safety;
mod seats;
