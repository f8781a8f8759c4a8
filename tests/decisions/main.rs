//! The decisions as sentences: what is given, and the whole printed plan.

mod disks;
mod evidence;
mod figures;
mod founding;
mod given;
mod health;
mod identity;
mod leaving;
mod membership;
mod recovery;
mod safety;
mod seats;
