//! A quorum that is lost for good, a disk that is emptied, and the end of everything.

use crate::recorder::{act_once, claim, deserted, record, records};
use crate::stage::SOON;
use crate::world::World;
use crate::world::wait::wait_for;

/// Two of four are terminated, and their replacements have not booted.
#[test]
#[ignore = "records anew"]
fn record_a_recovery() {
    // Four voters, of which two are no quorum.
    let mut world = deserted("127.47.3", 4, "[policy]\nfloor = 4\n");
    let [gone, one, other] = <[String; 3]>::try_from(world.followers()).expect("three followers");
    let leader = world.leader();
    for id in [&gone, &leader] {
        world.terminate_without_boot(id);
    }
    let named = ["the quorum is lost for good", "testify"];
    let scenario = "a-survivor-says-that-the-quorum-is-lost";
    record(&mut world, &one, scenario, &named);

    let both = [&one, &other];
    act_once(&mut world, &both, "both to say so", |world| {
        (testimonies(world) == 2).then_some(())
    });
    record(&mut world, &one, "a-survivor-stops", &["stop ZooKeeper"]);

    act_once(&mut world, &both, "both to have stopped", |world| {
        (testimonies(world) == 4).then_some(())
    });
    let chosen = act_once(&mut world, &both, "the next marker", |world| {
        let mut records = records(world).into_iter();
        let (_, marker) = records.find(|(name, _)| name == "ensemble.2")?;
        Some(marker["instance"].as_str().expect("an owner").to_owned())
    });
    let named = ["recovering the ensemble", "start ZooKeeper"];
    let scenario = "the-chosen-one-begins-the-next-generation";
    record(&mut world, &chosen, scenario, &named);

    world.at(&chosen).start_agent();
    wait_for("the next generation", SOON, || world.at(&chosen).mode());
    let joins = if chosen == one { &other } else { &one };
    let named = ["joining the ensemble", "generation 2", "start ZooKeeper"];
    record(
        &mut world,
        joins,
        "a-survivor-joins-the-next-generation",
        &named,
    );
}

fn testimonies(world: &mut World) -> usize {
    let said = |(_, record): &(String, serde_json::Value)| record["event"] == "testified";
    records(world).iter().filter(|each| said(each)).count()
}

#[test]
#[ignore = "records anew"]
fn record_an_emptied_disk_and_the_loss_of_everything() {
    let mut world = deserted("127.47.4", 3, "[policy]\nwhen_all_is_lost = \"wait\"\n");
    let [gone, emptied] = <[String; 2]>::try_from(world.followers()).expect("two followers");
    let leader = world.leader();
    world.terminate_without_boot(&gone);
    world.at(&emptied).power_off();
    world.at(&emptied).wipe();
    let named = ["joining the ensemble", "testify"];
    record(&mut world, &emptied, "an-emptied-disk-is-told", &named);

    world.terminate_without_boot(&emptied);
    let newcomer = world.terminate_without_boot(&leader);
    claim(&mut world, &newcomer);
    let named = ["every copy of the data is gone", "refound"];
    record(
        &mut world,
        &newcomer,
        "all-is-lost-and-newcomers-wait",
        &named,
    );
}

#[test]
#[ignore = "records anew"]
fn record_a_recovery_that_an_operator_has_to_allow() {
    let mut world = deserted("127.47.5", 3, "[policy]\nrecovery = \"manual\"\n");
    let survivor = world.followers().remove(0);
    for id in world.ids().into_iter().filter(|id| *id != survivor) {
        world.terminate_without_boot(&id);
    }
    world.at(&survivor).start_agent();
    let named = ["recovering the ensemble", "waiting for an operator"];
    let scenario = "a-survivor-waits-for-an-operators-leave";
    record(&mut world, &survivor, scenario, &named);
}
