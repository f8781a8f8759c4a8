//! What agents do to their own machine. It cannot fail here; a full disk is another story.

use zk_bootstrap::model::disk::ZooCfg;
use zk_bootstrap::model::plan::Action;

use super::disk::Config;
use super::mutations::Mutation;
use super::region::Region;

impl Region {
    pub fn act_here(&mut self, m: usize, action: &Action, mutation: Option<Mutation>) {
        match action {
            Action::StartServer => {
                if mutation == Some(Mutation::EmptyDisksVote) {
                    self.machines[m].disk.initialize = true;
                }
                self.judge_starting(m);
                self.start_server(m);
                return;
            }
            Action::StopServer => {
                self.judge_stopping(m);
                self.machines[m].server = None;
                return;
            }
            Action::MoveDataAside { .. } => self.judge_moving(m),
            Action::WriteIdentity { identity } if identity.withdrawn => self.judge_withdrawing(m),
            Action::WriteIdentity { identity } if self.machines[m].server.is_some() => {
                self.judge_naming(m, identity.lineage.generation);
            }
            // A note of the agent's own, which no server reads.
            Action::NoteStuck { .. } => {}
            _ => self.judge_writing(m),
        }
        let disk = &mut self.machines[m].disk;
        match action {
            Action::MoveDataAside { .. } if mutation == Some(Mutation::KeepsForeignData) => {}
            Action::MoveDataAside { .. } => disk.move_aside(),
            Action::WriteMyId { .. } if mutation == Some(Mutation::LosesItsMyId) => {}
            Action::WriteMyId { server } => disk.myid = Some(*server),
            Action::WriteMembership { ensemble } => {
                disk.next = None;
                disk.dynamic = Some(Config::of(ensemble));
                disk.zoo_cfg = ZooCfg::Current;
            }
            Action::NoteStuck { stuck } => disk.stuck = *stuck,
            Action::WriteZooCfg => disk.zoo_cfg = ZooCfg::Current,
            Action::WriteIdentity { identity } => disk.identity = Some(identity.clone()),
            Action::AllowEmptyDatabase => disk.initialize = true,
            elsewhere => unreachable!("not an act on this machine: {elsewhere}"),
        }
    }
}
