//! What stands in a claim's stream: one line of JSON for each event.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::claim::{Claim, Milestone, OWNER_RECORD_LIMIT, Owner};
use crate::model::fleet::Me;
use crate::model::history::Testimony;
use crate::model::id::{InstanceId, ServerId};

/// The form of the lines that this version writes and reads.
const VERSION: u32 = 1;

/// One line of a claim's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    v: u32,
    event: What,
    instance: InstanceId,
    address: IpAddr,
    zone: String,
    group: String,
    server: ServerId,
    /// Of `testified`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    testimony: Option<Testimony>,
    /// Of `allowed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generation: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    Claimed,
    Started,
    Joined,
    Leaving,
    Left,
    Testified,
    TookBack,
    Allowed,
}

impl What {
    fn milestone(self) -> Option<Milestone> {
        match self {
            What::Started => Some(Milestone::Started),
            What::Joined => Some(Milestone::Joined),
            What::Leaving => Some(Milestone::Leaving),
            What::Left => Some(Milestone::Left),
            What::Claimed | What::Testified | What::TookBack | What::Allowed => None,
        }
    }
}

impl Record {
    /// The owner's record: the claim is this instance's, of this group, for this server id.
    pub fn claimed(me: &Me, group: &str, server: ServerId) -> Self {
        Record {
            v: VERSION,
            event: What::Claimed,
            instance: me.instance.clone(),
            address: me.address,
            zone: me.zone.clone(),
            group: group.to_owned(),
            server,
            testimony: None,
            generation: None,
        }
    }

    /// A milestone of the journal.
    pub fn milestone(me: &Me, group: &str, server: ServerId, milestone: Milestone) -> Self {
        let event = match milestone {
            Milestone::Started => What::Started,
            Milestone::Joined => What::Joined,
            Milestone::Leaving => What::Leaving,
            Milestone::Left => What::Left,
        };
        Record {
            event,
            ..Record::claimed(me, group, server)
        }
    }

    /// What a survivor of a lost quorum says.
    pub fn testimony(me: &Me, group: &str, server: ServerId, testimony: Testimony) -> Self {
        Record {
            event: What::Testified,
            testimony: Some(testimony),
            ..Record::claimed(me, group, server)
        }
    }

    /// The owner testifies to nothing any more.
    pub fn took_back(me: &Me, group: &str, server: ServerId) -> Self {
        Record {
            event: What::TookBack,
            ..Record::claimed(me, group, server)
        }
    }

    /// An operator's leave to recover this generation, given on this instance.
    pub fn leave(me: &Me, group: &str, server: ServerId, generation: u32) -> Self {
        Record {
            event: What::Allowed,
            generation: Some(generation),
            ..Record::claimed(me, group, server)
        }
    }

    /// The line.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("a record has only plain fields")
    }
}

/// An event as the service has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When the service took it (`ingestionTime`).
    pub taken: Timestamp,
    /// Its text.
    pub message: String,
}

/// Puts a stream's events together. The first well-formed owner's record counts, by the time at
/// which the service took it; of what the others write nothing counts. Lines that are no records
/// are passed over: whoever may write to the stream may write anything.
pub fn fold(created: Timestamp, mut events: Vec<Event>) -> Claim {
    events.sort_by_key(|event| event.taken);
    let mut claim = Claim {
        created,
        owner: None,
        journal: std::collections::BTreeMap::new(),
        testimony: None,
        leave: None,
        foreign: false,
    };
    for Event { taken, message } in events {
        if is_of_a_later_form(&message) {
            let in_time = taken.duration_since(created) <= OWNER_RECORD_LIMIT;
            claim.foreign |= in_time && claim.owner.is_none();
            continue;
        }
        let record = serde_json::from_str::<Record>(&message).ok();
        let Some(record) = record.filter(|record| record.v == VERSION) else {
            tracing::debug!(message, "an event that is no record");
            continue;
        };
        let owner = claim.owner.as_ref();
        let by_owner = owner.is_some_and(|owner| owner.instance == record.instance);
        match record.event {
            What::Claimed if owner.is_none() => {
                claim.owner = Some(Owner {
                    instance: record.instance,
                    address: record.address,
                    zone: record.zone,
                    group: record.group,
                    server: record.server,
                    written: taken,
                });
            }
            note if by_owner && note.milestone().is_some() => {
                let milestone = note.milestone().expect("it is one");
                // The first note tells the time: whoever is not heard writes it again.
                claim.journal.entry(milestone).or_insert(taken);
            }
            What::Testified if by_owner => claim.testimony = record.testimony,
            What::TookBack if by_owner => claim.testimony = None,
            What::Allowed if by_owner => claim.leave = record.generation,
            // A claim that is taken, or somebody else's word.
            _ => {}
        }
    }
    claim
}

/// Whether a line is a record whose form came after this release. A new form is first read by one
/// release, and written by the next.
fn is_of_a_later_form(message: &str) -> bool {
    #[derive(Deserialize)]
    struct Form {
        v: u32,
    }
    serde_json::from_str::<Form>(message).is_ok_and(|form| form.v > VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me(instance: &str) -> Me {
        Me {
            instance: instance.parse().expect("an instance id"),
            address: "10.0.0.1".parse().expect("an address"),
            zone: "eu-west-1a".to_owned(),
            region: "eu-west-1".to_owned(),
        }
    }

    fn claimed(instance: &str) -> String {
        Record::claimed(&me(instance), "asg:zk", ServerId::MIN).line()
    }

    fn joined(instance: &str) -> String {
        Record::milestone(&me(instance), "asg:zk", ServerId::MIN, Milestone::Joined).line()
    }

    fn folded(messages: &[(i64, String)]) -> Claim {
        let event = |(second, message): &(i64, String)| Event {
            taken: Timestamp::from_second(*second).expect("a time"),
            message: message.clone(),
        };
        let created = Timestamp::from_second(0).expect("a time");
        fold(created, messages.iter().map(event).collect())
    }

    const A: &str = "i-0000000000000000a";
    const B: &str = "i-0000000000000000b";

    #[test]
    fn the_first_record_that_the_service_took_names_the_owner() {
        let claim = folded(&[(3, claimed(B)), (2, claimed(A)), (4, joined(B))]);
        let owner = claim.owner.expect("an owner");
        assert_eq!((owner.instance.as_str(), owner.written.as_second()), (A, 2));
        assert!(claim.journal.is_empty(), "only the owner keeps the journal");
    }

    #[test]
    fn a_milestone_of_the_owner_is_in_the_journal_however_often_it_is_written() {
        let claim = folded(&[(1, claimed(A)), (2, joined(A)), (3, joined(A))]);
        let second = Timestamp::from_second(2).expect("a time");
        assert_eq!(claim.journal, [(Milestone::Joined, second)].into());
    }

    #[test]
    fn who_signs_in_the_form_of_a_later_release_is_somebody() {
        let later = "{\"v\":2,\"event\":\"claimed\",\"by\":\"somebody\"}".to_owned();
        let claim = folded(&[(1, later.clone()), (2, "noise".to_owned())]);
        assert!(claim.foreign && claim.owner.is_none());
        let late = OWNER_RECORD_LIMIT.as_secs() + 1;
        assert!(!folded(&[(late, later.clone())]).foreign);
        let claim = folded(&[(1, claimed(A)), (2, later), (3, joined(A))]);
        assert!(!claim.foreign, "its owner has signed before");
        assert!(claim.journal.contains_key(&Milestone::Joined));
    }

    #[test]
    fn what_is_no_record_is_passed_over() {
        let bad_id = claimed(A).replace("\"server\":1", "\"server\":255");
        for bad in ["", "{}", "null", "claimed", "{\"v\":1}", "[1,2]", &bad_id] {
            let claim = folded(&[(1, bad.to_owned())]);
            assert_eq!((claim.owner, claim.foreign), (None, false), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_event_makes_it_panic(text in "\\PC*", cut in 0usize..300) {
            folded(&[(1, text)]);
            let whole = claimed(A);
            folded(&[(1, whole.chars().take(cut).collect())]);
        }
    }
}
