//! What goes wrong, by chance.

use super::fleet::Change;
use super::region::{Region, SECOND};

impl Region {
    /// Everything that can be mended is mended.
    pub fn heal(&mut self) {
        for m in 0..self.machines.len() {
            self.machines[m].island = 0;
            if !self.machines[m].is_on() && !self.machines[m].is_gone() {
                self.later(0..10 * SECOND, Change::Start(m));
            }
        }
        self.later(0..10 * SECOND, Change::Scale);
    }
}
