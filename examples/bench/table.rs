//! The figures, with their targets.

/// One figure.
pub struct Row {
    what: &'static str,
    agents: String,
    by_hand: String,
    ratio: String,
    target: String,
    met: Option<bool>,
}

impl Row {
    /// Seconds of both sides, and a target for their ratio.
    pub fn ratio(what: &'static str, agents: f64, by_hand: f64, target: Option<f64>) -> Self {
        let ratio = agents / by_hand;
        Row {
            what,
            agents: format!("{agents:.2} s"),
            by_hand: format!("{by_hand:.2} s"),
            ratio: format!("{ratio:.2} ×"),
            target: target.map_or_else(String::new, |t| format!("≤ {t} ×")),
            met: target.map(|t| ratio <= t),
        }
    }

    /// Seconds of both sides, and a target for the agents'.
    pub fn seconds(what: &'static str, agents: f64, by_hand: f64, target: f64) -> Self {
        Row {
            target: format!("≤ {target} s"),
            met: Some(agents <= target),
            ..Row::ratio(what, agents, by_hand, None)
        }
    }

    /// Seconds of the agents, and their ratio to other seconds of theirs.
    pub fn against(what: &'static str, agents: f64, others: f64) -> Self {
        Row {
            by_hand: String::new(),
            ..Row::ratio(what, agents, others, None)
        }
    }

    /// A figure of the agents alone.
    pub fn figure(what: &'static str, value: f64, unit: &str, target: Option<f64>) -> Self {
        Row {
            what,
            agents: format!("{value:.2} {unit}"),
            by_hand: String::new(),
            ratio: String::new(),
            target: target.map_or_else(String::new, |t| format!("≤ {t} {unit}")),
            met: target.map(|t| value <= t),
        }
    }
}

/// Prints them, aligned.
pub fn print(rows: &[Row]) {
    println!(
        "\n{:<42}{:>14}{:>10}{:>9}  target",
        "", "agents", "by hand", "ratio"
    );
    for row in rows {
        let met = match row.met {
            Some(true) => "✓",
            Some(false) => "✗",
            None => "",
        };
        let Row {
            what,
            agents,
            by_hand,
            ratio,
            target,
            met: _,
        } = row;
        let line = format!("{what:<42}{agents:>14}{by_hand:>10}{ratio:>9}  {target:<12}{met}");
        println!("{}", line.trim_end());
    }
}

/// The middle one; of an even number, the mean of the two in the middle.
///
/// # Panics
/// When there is none.
pub fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() % 2 {
        1 => figures[middle],
        _ => f64::midpoint(figures[middle - 1], figures[middle]),
    }
}
