//! An amount with its currency, never written apart.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::{
    Assignment, Context, Loss, Money, Path, ReadFault, Reason, ReasonCode, Record, Value,
    lens::{Form, Now, cannot_clear, wrong_kind},
    record::{decimal_at, flag_at, text_at},
};

/// Where the currency of an amount stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CurrencyPlace {
    /// As an ISO 4217 code.
    Code(Path),
    /// As a lookup to a currency row; amounts are rounded to its decimals.
    Lookup {
        /// The column that tells the row's id.
        id: Path,
        /// The property that binds a row.
        bind: Path,
    },
}

/// How an amount with its currency stands in a record.
///
/// An amount whose currency is missing or not known reads as a plain number, which no side
/// takes: the field waits until the deal has a currency, and the other fields go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MoneyShape {
    /// The amount.
    pub amount: Path,
    /// Its currency.
    pub currency: CurrencyPlace,
    /// The flag that says the platform computes the amount.
    pub computed: Option<Path>,
    /// An empty or zero amount may go over a present one.
    pub clears: bool,
}

/// Decimals that the CRM stores, whatever the currency has.
const STORED_DECIMALS: u32 = 4;
/// Largest amount of the CRM's column, either way.
const LARGEST: Decimal = Decimal::from_parts(3_567_587_328, 232, 0, false, 0);

impl MoneyShape {
    /// A referral's amount with its ISO code.
    pub fn coded(amount: Path, code: Path) -> Self {
        Self {
            amount,
            currency: CurrencyPlace::Code(code),
            computed: None,
            clears: false,
        }
    }

    /// A CRM amount whose row has a currency of its own.
    pub fn looked_up(amount: Path, id: Path, bind: Path) -> Self {
        Self {
            amount,
            currency: CurrencyPlace::Lookup { id, bind },
            computed: None,
            clears: false,
        }
    }

    /// With the flag that says the platform computes the amount.
    #[must_use]
    pub fn with_computed(mut self, flag: Path) -> Self {
        self.computed = Some(flag);
        self
    }

    pub(super) fn reads(&self) -> Vec<Path> {
        let currency = match &self.currency {
            CurrencyPlace::Code(path) => path,
            CurrencyPlace::Lookup { id, .. } => id,
        };
        let mut paths = vec![self.amount.clone(), currency.clone()];
        paths.extend(self.computed.clone());
        paths
    }

    pub(super) fn writes(&self) -> Vec<Path> {
        let currency = match &self.currency {
            CurrencyPlace::Code(path) => path,
            CurrencyPlace::Lookup { bind, .. } => bind,
        };
        let mut paths = vec![self.amount.clone(), currency.clone()];
        paths.extend(self.computed.clone());
        paths
    }

    pub(super) fn get(&self, record: &Record, cx: &Context) -> Result<Value, ReadFault> {
        let Some(amount) = decimal_at(record, &self.amount)? else {
            return Ok(Value::Null);
        };
        let currency = match &self.currency {
            CurrencyPlace::Code(path) => text_at(record, path)?
                .map(|code| code.trim().to_ascii_uppercase())
                .filter(|code| is_code(code)),
            CurrencyPlace::Lookup { id, .. } => {
                text_at(record, id)?.and_then(|id| cx.currencies.code_of(&id).map(str::to_owned))
            }
        };
        Ok(match currency {
            Some(currency) => Value::money(amount, currency),
            None => Value::Number(amount),
        })
    }

    pub(super) fn form(
        &self,
        wanted: &Value,
        now: Option<Now<'_>>,
        cx: &Context,
    ) -> Result<Form, Reason> {
        let clears = self.clears || cx.clearable.contains(&self.amount);
        match wanted {
            value if !clears && is_nothing(value) => match now {
                None => Ok(Form::exact(Value::Null, Vec::new())),
                Some(now) if is_nothing(now.value) => {
                    Ok(Form::exact(now.value.clone(), Vec::new()))
                }
                Some(_) => Err(cannot_clear(&self.amount)),
            },
            Value::Null => {
                let assignments = match now {
                    None => Vec::new(),
                    Some(now) => self.writable(now.record)?.null(&self.amount),
                };
                Ok(Form::exact(Value::Null, assignments))
            }
            Value::Money(money) => self.amount_form(money, now, cx),
            Value::Number(_) => Err(Reason::new(
                ReasonCode::Unmappable,
                "the amount has no currency that is known here: give the deal a currency that \
                 the CRM has a row for",
            )),
            _ => Err(wrong_kind("an amount with its currency")),
        }
    }

    fn amount_form(
        &self,
        money: &Money,
        now: Option<Now<'_>>,
        cx: &Context,
    ) -> Result<Form, Reason> {
        let mut assignments = Vec::new();
        let amount = match &self.currency {
            CurrencyPlace::Code(path) => {
                if !is_code(&money.currency) {
                    return Err(Reason::new(
                        ReasonCode::Unmappable,
                        "the currency is no three-letter ISO 4217 code: correct it on the other \
                         side",
                    ));
                }
                if money.amount.is_sign_negative() && !money.amount.is_zero() {
                    return Err(Reason::new(
                        ReasonCode::Invalid,
                        "a referral takes no negative deal value: correct it in the CRM",
                    ));
                }
                assignments.push(Assignment::decimal(&self.amount, money.amount));
                assignments.push(Assignment::new(path, &money.currency));
                money.amount
            }
            CurrencyPlace::Lookup { id, bind } => {
                let Some(currency) = cx.currencies.of_code(&money.currency) else {
                    return Err(Reason::new(
                        ReasonCode::Unmappable,
                        format!(
                            "the CRM has no active currency {}: add it there, or change the \
                             currency on the other side",
                            money.currency
                        ),
                    ));
                };
                let amount = money.amount.round_dp_with_strategy(
                    currency.precision.min(STORED_DECIMALS),
                    RoundingStrategy::MidpointAwayFromZero,
                );
                if amount.abs() > LARGEST {
                    return Err(Reason::new(
                        ReasonCode::Invalid,
                        format!("{} takes amounts up to {LARGEST}: correct it", self.amount),
                    ));
                }
                assignments.push(Assignment::decimal(&self.amount, amount));
                // Binding the same row again is refused once the deal has products.
                let bound = now.and_then(|now| text_at(now.record, id).ok().flatten());
                if !bound.is_some_and(|bound| bound.eq_ignore_ascii_case(&currency.id)) {
                    let row = format!("/transactioncurrencies({})", currency.id);
                    assignments.push(Assignment::new(bind, &row));
                }
                amount
            }
        };
        let value = Value::money(amount, money.currency.as_str());
        // What would read the same needs no write, so a computed amount may agree.
        let differs = now.is_none_or(|now| *now.value != value);
        if let Some(flag) = &self.computed {
            if let Some(now) = now.filter(|_| differs) {
                self.writable(now.record)?;
            }
            assignments.push(Assignment::new(flag, &false));
        }
        Ok(Form::lossy(value, Loss::Rounded, assignments))
    }

    /// Refuses where the platform would undo the write.
    fn writable(&self, record: &Record) -> Result<Cleared, Reason> {
        match &self.computed {
            Some(flag) if flag_at(record, flag).is_ok_and(|flag| flag == Some(true)) => {
                Err(Reason::new(
                    ReasonCode::Computed,
                    "the CRM computes this amount from the deal's products: set its revenue to \
                     user provided",
                ))
            }
            _ => Ok(Cleared),
        }
    }
}

/// Proof that the amount may be written.
struct Cleared;

impl Cleared {
    fn null(self, path: &Path) -> Vec<Assignment> {
        vec![Assignment::null(path)]
    }
}

fn is_code(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Sellers leave zero where they have not decided: it says no more than an empty field.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(amount) => amount.is_zero(),
        Value::Money(money) => money.amount.is_zero(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_amount_is_a_million_millions() {
        assert_eq!(LARGEST.to_string(), "1000000000000");
    }
}
