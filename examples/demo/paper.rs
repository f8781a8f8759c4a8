//! What the story is written on: plain lines, with colour where there is a terminal.

use std::cell::Cell;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use zk_bootstrap::clock;

/// The terminal, or whatever takes its place.
pub struct Paper {
    colour: bool,
    acts: Cell<usize>,
}

/// A part of the story, with a clock of its own.
pub struct Act<'a> {
    paper: &'a Paper,
    begun: Instant,
}

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const RED: &str = "31";

impl Paper {
    /// Standard output; coloured on a terminal, unless `NO_COLOR` is set.
    pub fn new() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Paper {
            colour: std::io::stdout().is_terminal() && !unwanted,
            acts: Cell::new(0),
        }
    }

    /// What the story is about.
    pub fn title(&self, text: &str) {
        println!("{}\n", self.painted(BOLD, text));
    }

    /// What need not be read.
    pub fn aside(&self, text: &str) {
        println!("{}", self.painted(DIM, text));
    }

    /// What may be copied.
    pub fn plain(&self, text: &str) {
        println!("{text}");
    }

    /// Why there is no story.
    pub fn failure(&self, text: &str) {
        eprintln!("\n{}", self.painted(RED, text));
    }

    /// Begins the next act.
    pub fn act(&self, text: &str) -> Act<'_> {
        let number = self.acts.get() + 1;
        self.acts.set(number);
        println!("\n{}", self.painted(BOLD, &format!("{number}  {text}")));
        Act {
            paper: self,
            begun: clock::instant(),
        }
    }

    /// Rows, their columns aligned.
    pub fn table(&self, rows: &[Vec<String>]) {
        let width = |n: usize| rows.iter().map(|row| row[n].chars().count()).max();
        println!();
        for row in rows {
            let cells = row.iter().enumerate();
            let cells: Vec<String> = cells
                .map(|(n, cell)| format!("{cell:w$}", w = width(n).unwrap_or(0)))
                .collect();
            println!("           {}", cells.join("  ").trim_end());
        }
    }

    fn painted(&self, code: &str, text: &str) -> String {
        match self.colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

impl Act<'_> {
    /// The time since it began.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Something that has just happened.
    pub fn line(&self, text: &str) {
        let when = format!("{:>7}", pause(self.elapsed()));
        println!("{}    {text}", self.paper.painted(DIM, &when));
    }

    /// What it came to.
    pub fn result(&self, text: &str) {
        let text = self.paper.painted(GREEN, text);
        println!("         {} {text}", self.paper.painted(GREEN, "✓"));
    }
}

/// A time as people read it: `2.4 s`.
pub fn pause(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
