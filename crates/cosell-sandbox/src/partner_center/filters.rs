//! What of a list's filter is understood, by the switches, and what of it an index answers.

use chrono::{DateTime, NaiveTime, Utc};

use super::fields;
use super::options::{Filters, Options, ReferenceFilter};
use super::refusal::Refusal;
use crate::odata::{Expr, Filter, Literal, Operand, Operator};

/// The text for a name that is no property.
pub(super) fn no_property(name: &str) -> String {
    format!("Could not find a property named '{name}' on type 'Referral'.")
}

/// Refuses what is not understood; `None` when the filter is to be ignored.
pub(super) fn judged(filter: Filter, options: &Options) -> Result<Option<Filter>, Refusal> {
    let mut usage = Usage::default();
    usage.walk(filter.expr(), &mut Vec::new());
    if let Some(unknown) = usage.paths.iter().find(|path| !fields::exists(path)) {
        return Err(Refusal::invalid("$filter", no_property(&unknown.join("/"))));
    }
    let by_reference = usage
        .paths
        .iter()
        .any(|path| path == &["externalReferenceId"]);
    match options.external_reference_filter {
        ReferenceFilter::Refused if by_reference => {
            return Err(Refusal::invalid(
                "$filter",
                "externalReferenceId cannot be filtered.",
            ));
        }
        ReferenceFilter::Ignored if by_reference => return Ok(None),
        _ => {}
    }
    if options.filters == Filters::Documented {
        let documented = |path: &Vec<String>| {
            matches!(
                path.join("/").as_str(),
                "engagementId"
                    | "status"
                    | "substatus"
                    | "qualification"
                    | "type"
                    | "direction"
                    | "customerProfile/address/country"
                    | "team"
                    | "team/email"
            ) || by_reference && path == &["externalReferenceId"]
        };
        if usage.beyond_samples || !usage.paths.iter().all(documented) {
            return Err(Refusal::invalid("$filter", "The filter is not supported."));
        }
    }
    Ok(Some(filter))
}

/// What a filter names.
#[derive(Default)]
struct Usage {
    paths: Vec<Vec<String>>,
    /// Anything but `eq`, `and`, `any`.
    beyond_samples: bool,
}

impl Usage {
    fn walk(&mut self, expr: &Expr, bound: &mut Vec<(String, Vec<String>)>) {
        match expr {
            Expr::And(parts) => parts.iter().for_each(|part| self.walk(part, bound)),
            Expr::Or(parts) => {
                self.beyond_samples = true;
                parts.iter().for_each(|part| self.walk(part, bound));
            }
            Expr::Not(inner) => {
                self.beyond_samples = true;
                self.walk(inner, bound);
            }
            Expr::Compare { left, op, right } => {
                self.beyond_samples |= *op != Operator::Eq;
                self.operand(left, bound);
                self.operand(right, bound);
            }
            Expr::Text { of, what, .. } => {
                self.beyond_samples = true;
                self.operand(of, bound);
                self.operand(what, bound);
            }
            Expr::Lambda {
                path,
                all,
                variable,
                body,
            } => {
                self.beyond_samples |= *all;
                let full = resolved(path, bound);
                self.paths.push(full.clone());
                if let Some(body) = body {
                    bound.push((variable.clone(), full));
                    self.walk(body, bound);
                    bound.pop();
                }
            }
            Expr::Call(_) => self.beyond_samples = true,
            Expr::Truth(operand) => {
                self.beyond_samples = true;
                self.operand(operand, bound);
            }
        }
    }

    fn operand(&mut self, operand: &Operand, bound: &[(String, Vec<String>)]) {
        if let Operand::Path(path) = operand {
            self.paths.push(resolved(path, bound));
        }
    }
}

fn resolved(path: &[String], bound: &[(String, Vec<String>)]) -> Vec<String> {
    match path.split_first() {
        Some((first, rest)) => match bound.iter().rev().find(|(name, _)| name == first) {
            Some((_, collection)) => collection.iter().chain(rest).cloned().collect(),
            None => path.to_vec(),
        },
        None => Vec::new(),
    }
}

/// The oldest update that can match: `updatedDateTime ge …` on the top level.
pub(super) fn updated_since(expr: &Expr) -> Option<DateTime<Utc>> {
    let parts = match expr {
        Expr::And(parts) => parts.as_slice(),
        other => std::slice::from_ref(other),
    };
    parts.iter().find_map(|part| match part {
        Expr::Compare {
            left: Operand::Path(path),
            op: Operator::Ge | Operator::Gt,
            right: Operand::Literal(value),
        } if path == &["updatedDateTime"] => match value {
            Literal::Instant(instant) => Some(*instant),
            Literal::Date(date) => Some(date.and_time(NaiveTime::MIN).and_utc()),
            _ => None,
        },
        _ => None,
    })
}
