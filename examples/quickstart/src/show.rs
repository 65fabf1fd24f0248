//! What is printed: for people as aligned tables, for programs one JSON document a line.

use std::io::{IsTerminal as _, Write as _};

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use cosell::{Comparison, sync::Side};
use serde_json::{Value, json};

use crate::{
    bulk::Timed,
    control::{Calls, Counts},
    play::Played,
    sides::{Card, Line, View, short},
    sync::Tally,
};

/// Columns where the width of a terminal is not known.
const WIDTH: u16 = 132;
/// More pairs than these are only counted.
const PAIRS_SHOWN: usize = 20;

pub(crate) struct Show {
    json: bool,
    terminal: bool,
}

impl Show {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            terminal: std::io::stdout().is_terminal(),
        }
    }

    /// May something move on the screen?
    pub(crate) fn is_lively(&self) -> bool {
        self.terminal && !self.json
    }

    /// A line for people.
    pub(crate) fn say(&self, line: &str) {
        if !self.json {
            print_line(line);
        }
    }

    fn tell(&self, event: &str, mut what: Value) {
        if self.json {
            what["event"] = event.into();
            print_line(&what.to_string());
        }
    }

    pub(crate) fn opening(&self, places: &[(&str, String)]) {
        self.say("A partner's CRM and Microsoft's Partner Center, kept in step by cosell.");
        for (name, place) in places {
            self.say(&format!("  {name:<15} {place}"));
        }
        let places: serde_json::Map<String, Value> = places
            .iter()
            .map(|(name, place)| ((*name).to_owned(), place.clone().into()))
            .collect();
        self.tell("opening", json!({ "places": places }));
    }

    pub(crate) fn step(&self, played: &Played<'_>, of: usize) {
        let step = played.step;
        self.say(&format!("\nStep {} of {of}: {}", played.number, step.title));
        for line in wrapped(step.told, 96) {
            self.say(&format!("  {line}"));
        }
        for (before, after) in &played.deals {
            self.say("");
            self.say(&self.deal_table(before, after));
        }
        if !played.conflicts.is_empty() {
            self.say("\n  From the conflict log:\n");
            self.say(&self.conflict_table(played));
        }
        self.say(&format!("\n  {}", work(&played.tally, &played.calls)));
        for fault in &played.faults {
            self.say(&format!("  NOT AS TOLD: {fault}"));
        }
        let deals: Vec<Value> = played
            .deals
            .iter()
            .map(|(before, after)| json!({ "before": before, "after": after }))
            .collect();
        self.tell(
            "step",
            json!({
                "step": played.number, "title": step.title, "deals": deals,
                "conflicts": played.conflicts, "work": played.tally, "calls": played.calls,
                "faults": played.faults,
            }),
        );
    }

    /// One deal on both sides, before and after. What the sync changed has an arrow.
    fn deal_table(&self, before: &View, after: &View) -> String {
        let mut table = self.table([
            "",
            "Dynamics 365 before",
            "after",
            "Partner Center before",
            "after",
        ]);
        let sides = [
            (&before.dynamics, &after.dynamics),
            (&before.partner_center, &after.partner_center),
        ];
        for line in Line::ALL {
            let of = |card: &Option<Card>| card.as_ref().and_then(|card| card.get(&line)).cloned();
            let texts = sides.map(|(before, after)| (of(before), of(after)));
            let blank = texts.iter().all(|(b, a)| b.is_none() && a.is_none());
            let still = texts.iter().all(|(before, after)| before == after);
            let side_show = !line.is_central() && before_is_there(before) && still;
            if blank || side_show {
                continue;
            }
            let mut row = vec![Cell::new(line.label())];
            for (before, after) in texts {
                row.push(Cell::new(before.as_deref().unwrap_or("-")));
                row.push(if before == after {
                    Cell::new(after.as_deref().unwrap_or("-"))
                } else {
                    let after = after.as_deref().unwrap_or("-");
                    Cell::new(format!("→ {after}")).fg(Color::Green)
                });
            }
            table.add_row(row);
        }
        indented(&table)
    }

    fn conflict_table(&self, played: &Played<'_>) -> String {
        let mut table = self.table([
            "field",
            "both had",
            "Dynamics 365",
            "Partner Center",
            "stands",
        ]);
        for entry in &played.conflicts {
            let had = entry.base.as_ref().map(|base| base.right.to_string());
            let whose = match entry.kept {
                Some(Side::Left) => " (Partner Center's)",
                Some(Side::Right) => " (the CRM's)",
                None => "",
            };
            table.add_row([
                entry.field.to_string(),
                had.unwrap_or_else(|| "-".to_owned()),
                entry.right.to_string(),
                entry.left.to_string(),
                match &entry.value {
                    Some(value) => format!("{value}{whose}"),
                    None => "each its own".to_owned(),
                },
            ]);
        }
        indented(&table)
    }

    pub(crate) fn calls(&self, counts: &Counts) {
        self.say("\nCalls to each service, as the double counted them\n");
        let mut table = self.table(["", "requests", "reads", "writes", "failures"]);
        for (name, calls) in services(counts) {
            let numbers = [calls.requests, calls.reads, calls.writes, calls.failures];
            let mut row = vec![Cell::new(name)];
            row.extend(numbers.map(Cell::new));
            table.add_row(row);
        }
        self.say(&indented(&table));
        self.tell("calls", json!(counts));
    }

    pub(crate) fn comparison(&self, comparison: &Comparison) {
        self.say("\nAll pairs, read straight from both services\n");
        let all = comparison.pairs.len() <= PAIRS_SHOWN;
        let mut table = self.table(["opportunity", "referral", ""]);
        let shown = comparison
            .pairs
            .iter()
            .filter(|pair| all || !pair.is_equal());
        let mut rows = Vec::new();
        for pair in shown {
            let differences: Vec<String> = pair
                .differences
                .iter()
                .map(|difference| {
                    let held = if difference.held.is_some() {
                        " (held)"
                    } else {
                        ""
                    };
                    format!(
                        "{}: {} there, {} here{held}",
                        difference.field, difference.referral, difference.opportunity
                    )
                })
                .collect();
            let verdict = match differences.as_slice() {
                [] => "equal".to_owned(),
                some => some.join("; "),
            };
            table.add_row([
                short(pair.opportunity.as_str()),
                short(pair.referral.as_str()),
                verdict.clone(),
            ]);
            rows.push(json!({
                "opportunity": pair.opportunity, "referral": pair.referral, "verdict": verdict,
            }));
        }
        if !rows.is_empty() {
            self.say(&indented(&table));
        }
        let equal = comparison
            .pairs
            .iter()
            .filter(|pair| pair.is_equal())
            .count();
        self.say(&format!(
            "  {equal} of {} pairs equal, {} doubles, {} opportunities and {} referrals without \
             counterpart",
            comparison.pairs.len(),
            comparison.doubles.len(),
            comparison.opportunities_alone.len(),
            comparison.referrals_alone.len(),
        ));
        for double in &comparison.doubles {
            let records: Vec<&str> = double.records.iter().map(|id| id.as_str()).collect();
            self.say(&format!(
                "  double: {} for {}",
                records.join(" and "),
                double.of
            ));
        }
        self.tell(
            "comparison",
            json!({
                "equal": comparison.is_equal(), "pairs": comparison.pairs.len(),
                "equal_pairs": equal, "shown": rows, "doubles": comparison.doubles.len(),
                "opportunities_alone": comparison.opportunities_alone,
                "referrals_alone": comparison.referrals_alone,
            }),
        );
    }

    pub(crate) fn verdict(&self, good: bool, faults: usize) {
        self.say(&match (good, faults) {
            (true, _) => "\nBoth services agree.".to_owned(),
            (false, 0) => "\nThe services do NOT agree.".to_owned(),
            (false, faults) => format!("\n{faults} things are NOT as told."),
        });
        self.tell("verdict", json!({ "good": good, "faults": faults }));
    }

    pub(crate) fn timed(&self, timed: &Timed) {
        self.say(&format!(
            "{} deals in step after {:.1} s: {:.0} deals a second.\n  {}",
            timed.deals,
            timed.seconds,
            timed.deals_a_second(),
            work(&timed.tally, &timed.calls),
        ));
        self.tell(
            "timed",
            json!({
                "deals": timed.deals, "seconds": timed.seconds,
                "deals_a_second": timed.deals_a_second(),
                "work": timed.tally, "calls": timed.calls,
            }),
        );
    }

    pub(crate) fn synced(&self, tally: &Tally) {
        self.say(&summary(tally));
        for error in &tally.errors {
            self.say(&format!("  on the way: {error}"));
        }
        if let Some(until) = tally.waiting_until {
            self.say(&format!("  a record waits until {until}"));
        }
        self.tell("synced", json!(tally));
    }

    pub(crate) fn parked(&self, parked: &[String]) {
        for cause in parked {
            self.say(&format!("  parked: {cause}"));
        }
        if !parked.is_empty() {
            self.tell("parked", json!({ "causes": parked }));
        }
    }

    fn table<const N: usize>(&self, header: [&str; N]) -> Table {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(header.map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
        if !self.terminal || std::env::var_os("NO_COLOR").is_some() {
            table.force_no_tty();
        }
        match table.width() {
            Some(width) if width <= WIDTH => {}
            _ => {
                table.set_width(WIDTH);
            }
        }
        table
    }
}

/// Was the deal on both sides already?
fn before_is_there(before: &View) -> bool {
    before.dynamics.is_some() && before.partner_center.is_some()
}

fn services(counts: &Counts) -> [(&'static str, Calls); 3] {
    [
        ("Partner Center", counts.partner_center),
        ("Dynamics 365", counts.dataverse),
        ("sign-in", counts.sign_in),
    ]
}

fn work(tally: &Tally, calls: &Counts) -> String {
    let calls: Vec<String> = services(calls)
        .into_iter()
        .filter(|(_, calls)| calls.requests > 0)
        .map(|(name, calls)| format!("{name} {}", calls.requests))
        .collect();
    format!("{}; requests: {}", summary(tally), calls.join(", "))
}

fn summary(tally: &Tally) -> String {
    format!(
        "{}, {} to Partner Center, {} to Dynamics 365",
        many(tally.rounds, "round"),
        many(tally.partner_center_writes, "write"),
        tally.dynamics_writes,
    )
}

fn many(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn indented(table: &Table) -> String {
    let lines: Vec<String> = table
        .lines()
        .map(|line| format!("  {}", line.trim_end()))
        .collect();
    lines.join("\n")
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Whoever reads may stop reading: `quickstart | head` is no error.
fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
