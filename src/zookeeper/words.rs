//! What the own server tells to four-letter words beyond its state.

use std::net::SocketAddr;
use std::time::Duration;

use super::four_letter::ask;
use super::reply;
use super::zoo_cfg::WORDS;
use crate::model::facts::{Fsync, ServerFacts};

/// Asks every word that the agent asks, and reads from `mntr` how long the log takes to be written.
pub async fn words(server: SocketAddr, deadline: Duration) -> ServerFacts {
    let mut asked = tokio::task::JoinSet::new();
    for word in WORDS {
        asked.spawn(async move { (*word, ask(server, word, deadline).await) });
    }
    let mut facts = ServerFacts::default();
    for (word, answer) in asked.join_all().await {
        let Ok(answer) = answer else {
            continue;
        };
        let answered = !reply::is_refused(&answer);
        if answered {
            facts.fsync = facts.fsync.or(fsync(&answer));
        }
        facts.words.insert(word.to_owned(), answered);
    }
    facts
}

/// `fsynctime` of ZooKeeper's `ServerMetrics`, in milliseconds.
fn fsync(mntr: &str) -> Option<Fsync> {
    let value = |key: &str| {
        let mut lines = mntr.lines().filter_map(|line| line.split_once('\t'));
        let (_, value) = lines.find(|(name, _)| *name == key)?;
        value.trim().parse::<f64>().ok().filter(|v| *v >= 0.0)
    };
    let milliseconds = |value: f64| Duration::from_micros((value * 1000.0) as u64);
    Some(Fsync {
        count: value("zk_cnt_fsynctime")? as u64,
        mean: milliseconds(value("zk_avg_fsynctime")?),
        longest: milliseconds(value("zk_max_fsynctime")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mntr_tells_how_long_the_log_takes_to_be_written() {
        let mntr = "zk_version\t3.8.0\nzk_avg_fsynctime\t2.5\nzk_min_fsynctime\t0\n\
                    zk_max_fsynctime\t41\nzk_cnt_fsynctime\t18\nzk_sum_fsynctime\t45\n";
        let expected = Fsync {
            count: 18,
            mean: Duration::from_micros(2500),
            longest: Duration::from_millis(41),
        };
        assert_eq!(fsync(mntr), Some(expected));
        for other in ["", "zk_cnt_fsynctime\t18\n", "zk_avg_fsynctime\tNaN\n"] {
            assert_eq!(fsync(other), None, "{other:?}");
        }
    }
}
