//! What to read of a row or of a table.

#[cfg(test)]
mod tests;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{Filter, input::Faults};

/// All that could end a literal, an option or the query is encoded.
pub(crate) const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'(')
    .remove(b')');

/// Order of a column in `$orderby`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Greatest first.
    Descending,
}

/// A related row, or related rows, to read along.
///
/// At most 5,000 rows of a collection come along. Rows of a collection can be filtered, ordered and
/// limited; below another expansion only `select` and `filter` are taken.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Expand {
    /// The navigation name, in its exact case.
    pub navigation: String,
    /// Columns; the key always comes along.
    pub select: Vec<String>,
    /// Which of the related rows.
    pub filter: Option<Filter>,
    /// Order of the related rows.
    pub order: Vec<(String, Direction)>,
    /// At most so many related rows.
    pub top: Option<u32>,
    /// Rows related to those.
    pub expand: Vec<Expand>,
    /// Only the address of the related row; of lookups only.
    pub reference: bool,
}

impl Expand {
    /// The row or rows behind the navigation name `navigation`, with the columns `select`.
    pub fn new<S: Into<String>>(
        navigation: impl Into<String>,
        select: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            navigation: navigation.into(),
            select: select.into_iter().map(Into::into).collect(),
            filter: None,
            order: Vec::new(),
            top: None,
            expand: Vec::new(),
            reference: false,
        }
    }

    /// The address of the row behind the lookup `navigation`, without its columns.
    pub fn reference(navigation: impl Into<String>) -> Self {
        let mut expand = Self::new::<String>(navigation, []);
        expand.reference = true;
        expand
    }

    /// Only related rows that meet `filter`.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Orders the related rows by `column` after the orders given before.
    #[must_use]
    pub fn with_order(mut self, column: impl Into<String>, direction: Direction) -> Self {
        self.order.push((column.into(), direction));
        self
    }

    /// At most `rows` related rows.
    #[must_use]
    pub fn with_top(mut self, rows: u32) -> Self {
        self.top = Some(rows);
        self
    }

    /// Reads rows along that are related to these.
    #[must_use]
    pub fn with_expand(mut self, expand: Self) -> Self {
        self.expand.push(expand);
        self
    }

    fn count(&self) -> usize {
        1 + self.expand.iter().map(Self::count).sum::<usize>()
    }

    fn render(&self, depth: usize, faults: &mut Faults) -> String {
        let name = &self.navigation;
        faults.check_name("navigation", name);
        let mut options = Vec::new();
        if !self.select.is_empty() {
            options.push(format!("$select={}", columns(&self.select, faults)));
        }
        if let Some(filter) = &self.filter {
            faults.extend(filter.faults());
            let text = utf8_percent_encode(filter.as_str(), VALUE);
            options.push(format!("$filter={text}"));
        }
        if !self.order.is_empty() {
            options.push(format!("$orderby={}", order(&self.order, faults)));
        }
        if let Some(top) = self.top {
            if !(1..=5000).contains(&top) {
                faults.push(format!("$top of {name} is {top}: give 1 to 5,000"));
            }
            options.push(format!("$top={top}"));
        }
        if depth > 0 && (self.top.is_some() || !self.order.is_empty()) {
            faults.push(format!(
                "{name} stands below another expansion: the service takes no order and no $top \
                 there, leave them out"
            ));
        }
        if !self.expand.is_empty() {
            options.push(format!(
                "$expand={}",
                expansions(&self.expand, depth + 1, faults)
            ));
        }
        if self.reference {
            if !options.is_empty() {
                faults.push(format!(
                    "of {name} only the address is asked for: no option applies, leave them out"
                ));
            }
            return format!("{name}/$ref");
        }
        if options.is_empty() {
            name.clone()
        } else {
            format!("{name}({})", options.join(";"))
        }
    }
}

fn expansions(expand: &[Expand], depth: usize, faults: &mut Faults) -> String {
    if depth > 8 {
        faults.push("expansions stand deeper in each other than 8: read them apart");
        return String::new();
    }
    let all = expand.iter().map(|expand| expand.render(depth, faults));
    all.collect::<Vec<_>>().join(",")
}

fn order(order: &[(String, Direction)], faults: &mut Faults) -> String {
    let order = order.iter().map(|(column, direction)| {
        faults.check_name("column", column);
        let word = match direction {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        };
        format!("{column}%20{word}")
    });
    order.collect::<Vec<_>>().join(",")
}

/// What to read. Without columns the service returns all of them, about 200 for an opportunity:
/// always select.
///
/// ```
/// use cosell_dataverse::{Direction, Filter, Query};
/// let query = Query::select(["name", "statecode"])
///     .with_filter(Filter::eq("name", "Fish & Chips"))
///     .with_order("modifiedon", Direction::Descending)
///     .with_top(10);
/// assert_eq!(
///     query.to_query_string().unwrap(),
///     "$select=name,statecode&$filter=name%20eq%20%27Fish%20%26%20Chips%27\
///      &$orderby=modifiedon%20desc&$top=10"
/// );
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Query {
    /// Columns; a lookup is read as `_name_value`.
    pub select: Vec<String>,
    /// Which rows.
    pub filter: Option<Filter>,
    /// Order; end with the primary key when paging, so that no row falls between two pages.
    pub order: Vec<(String, Direction)>,
    /// Related rows to read along, at most 15.
    pub expand: Vec<Expand>,
    /// At most so many rows, 1 to 5,000.
    pub top: Option<u32>,
    /// Ask for the number of rows; the service counts up to 5,000.
    pub count: bool,
}

impl Query {
    /// These columns.
    pub fn select<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Self {
            select: columns.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Only rows that meet `filter`.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Orders by `column` after the orders given before.
    #[must_use]
    pub fn with_order(mut self, column: impl Into<String>, direction: Direction) -> Self {
        self.order.push((column.into(), direction));
        self
    }

    /// Reads a related row along.
    #[must_use]
    pub fn with_expand(mut self, expand: Expand) -> Self {
        self.expand.push(expand);
        self
    }

    /// At most `rows` rows.
    #[must_use]
    pub fn with_top(mut self, rows: u32) -> Self {
        self.top = Some(rows);
        self
    }

    /// Refuses what applies to a list of rows only.
    pub(crate) fn check_single(&self, faults: &mut Faults) {
        let lists = [
            ("$filter", self.filter.is_some()),
            ("$orderby", !self.order.is_empty()),
            ("$top", self.top.is_some()),
            ("$count", self.count),
        ];
        for (option, _) in lists.into_iter().filter(|(_, given)| *given) {
            faults.push(format!(
                "{option} does not apply to one row: read pages or leave it out"
            ));
        }
    }

    /// Asks for the number of rows.
    #[must_use]
    pub fn with_count(mut self) -> Self {
        self.count = true;
        self
    }

    /// The query string, percent-encoded, without the leading `?`.
    ///
    /// # Errors
    /// [`cosell_http::Error`] of kind `Invalid` naming every name or number that does not fit.
    pub fn to_query_string(&self) -> Result<String, cosell_http::Error> {
        let (text, faults) = self.render();
        faults.into_result("dataverse.query")?;
        Ok(text)
    }

    pub(crate) fn render(&self) -> (String, Faults) {
        let mut faults = Faults::default();
        let mut options = Vec::new();
        if !self.select.is_empty() {
            options.push(format!("$select={}", columns(&self.select, &mut faults)));
        }
        if let Some(filter) = &self.filter {
            faults.extend(filter.faults());
            let text = utf8_percent_encode(filter.as_str(), VALUE);
            options.push(format!("$filter={text}"));
        }
        if !self.order.is_empty() {
            options.push(format!("$orderby={}", order(&self.order, &mut faults)));
        }
        if !self.expand.is_empty() {
            let all: usize = self.expand.iter().map(Expand::count).sum();
            if all > 15 {
                faults.push(format!(
                    "{all} related rows are asked for: the service reads at most 15 along"
                ));
            }
            let text = expansions(&self.expand, 0, &mut faults);
            options.push(format!("$expand={text}"));
        }
        if let Some(top) = self.top {
            if !(1..=5000).contains(&top) {
                faults.push(format!(
                    "$top is {top}: the service gives 1 to 5,000 rows, read pages for more"
                ));
            }
            options.push(format!("$top={top}"));
        }
        if self.count {
            options.push("$count=true".to_owned());
        }
        (options.join("&"), faults)
    }
}

/// Names joined by commas. A name that does not fit is reported, and the request is never sent.
fn columns(names: &[String], faults: &mut Faults) -> String {
    for name in names {
        faults.check_name("column", name);
    }
    names.join(",")
}
