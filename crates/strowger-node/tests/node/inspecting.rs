//! What an operator sees of instances, and how he ends one.

use std::time::Duration;

use strowger_node::{InstanceFilter, InstanceInfo, InstancePage};

use crate::harness::{SHARDS, World, echo};

/// All instances that fit, read in pages of so many.
fn list(world: &World, filter: &InstanceFilter, limit: usize) -> Vec<InstanceInfo> {
    let mut all = Vec::new();
    for shard in world.node.shards() {
        let mut from = Some(0);
        while let Some(index) = from {
            let InstancePage {
                items: instances,
                next,
            } = shard.instance_page(world.node.now(), filter, index, limit);
            assert!(instances.len() <= limit);
            all.extend(instances);
            from = next.map(|cursor| cursor.index);
        }
    }
    all
}

#[test]
fn instances_are_listed_in_pages_and_filtered() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("echo", echo())]);
        let users: [_; 5] = world.connect_apart();
        for user in &users {
            world.call(user, "x@example.com", "d1");
        }
        world
            .node
            .change_services(|services| services.with("echo", "v2", echo()))
            .unwrap();
        world.call(&users[0], "x@example.com", "d2");
        world.advance(7);

        let everything = InstanceFilter::default();
        let all = list(&world, &everything, 100);
        assert_eq!(all.len(), 6);
        for limit in [1, 2, 6] {
            assert_eq!(list(&world, &everything, limit), all);
        }
        let of = |service: Option<&str>, version: Option<&str>| {
            let filter = InstanceFilter {
                service: service.map(str::to_owned),
                version: version.map(str::to_owned),
            };
            list(&world, &filter, 2).len()
        };
        assert_eq!((of(Some("ECHO"), None), of(Some("echo"), Some("v2"))), (6, 1));
        assert_eq!(
            (
                of(None, Some("built-in")),
                of(None, Some("v3")),
                of(Some("nobody"), None)
            ),
            (5, 0, 0)
        );
        let one = &all[0];
        assert_eq!(
            (one.legs, one.timers, one.relations, one.age),
            (1, 0, 0, Duration::from_secs(7))
        );
        let found = world.node.shards()[usize::from(one.id.shard())].instance(world.node.now(), one.id);
        assert_eq!(found.as_ref(), Some(one));
    }
}

#[test]
fn an_instance_that_is_ended_says_goodbye_and_is_gone_for_good() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("echo", echo())]);
        let [alice, bob]: [_; 2] = world.connect_apart();
        world.call(&alice, "x@example.com", "d1");
        let id = list(&world, &InstanceFilter::default(), 9)[0].id;
        assert!(world.node.end_instance(id));
        let bye = world.expect(&alice, "BYE");
        world.respond(&alice, &bye, 200);
        assert!(!world.node.end_instance(id));
        // Another instance in the same place is another one.
        world.call(&alice, "x@example.com", "d2");
        world.call(&bob, "x@example.com", "d3");
        assert!(!world.node.end_instance(id));
        assert_eq!(world.instances(), 2);
        assert!(
            list(&world, &InstanceFilter::default(), 9)
                .iter()
                .all(|one| one.id != id)
        );
    }
}
