//! One column of a row, and the links between rows.

use bytes::Bytes;
use cosell_http::{Call, Error, Repeat, decode_json};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;
use uuid::Uuid;

use crate::{
    AlternateKey, Columns, Condition, ContentId, Literal, Op, Rows, Table, input::Faults, literal,
    op::Body,
};

/// The row at the other end of a link.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LinkTo {
    /// The row of the table with this id.
    Row(Table, Uuid),
    /// The row of the table with this alternate key.
    Key(Table, AlternateKey),
    /// The row that an earlier operation of the same change set makes.
    Made(ContentId),
}

impl LinkTo {
    fn check(&self, faults: &mut Faults) {
        match self {
            Self::Row(table, _) => table.check(faults),
            Self::Key(table, key) => {
                table.check(faults);
                key.check(faults);
            }
            Self::Made(_) => {}
        }
    }

    /// The body of a request that links. The service wants the whole address here.
    pub(crate) fn to_body(&self, offset: u32, base: &Url) -> Bytes {
        let target = match self {
            Self::Row(table, id) => format!("{base}{}", table.row_target(*id)),
            Self::Key(table, key) => format!("{base}{}", key.target(table)),
            Self::Made(made_by) => format!("${}", made_by.number(offset)),
        };
        format!("{{\"@odata.id\":{}}}", literal::quote(&target)).into()
    }
}

#[derive(Deserialize)]
struct Property {
    value: Box<RawValue>,
}

impl Op {
    /// Sets one column of the row `id`; a null clears it. `condition` may be `None`, `MustExist`
    /// or a version: the row is never made.
    pub fn set_property(
        table: &Table,
        id: Uuid,
        column: &str,
        value: impl Into<Literal>,
        condition: &Condition,
    ) -> Self {
        let value = value.into();
        let clears = value == Literal::Null;
        let mut op = Self::update(table, id, Columns::new(), condition);
        op.faults.check_name("column", column);
        if *condition == Condition::MustNotExist {
            op.faults
                .push("a column of a missing row cannot be set: use another condition");
        }
        op.operation = "dataverse.set_property";
        op.creates = Some(false);
        op.target = format!("{}/{column}", op.target);
        if clears {
            op.method = Method::DELETE;
            op.body = Body::None;
        } else {
            op.method = Method::PUT;
            op.body = Body::Entry(Columns::new().set("value", value));
        }
        op
    }
}

impl Op {
    /// Points the lookup with the navigation name `navigation` of the row `id` of `table` at `to`.
    pub fn set_reference(table: &Table, id: Uuid, navigation: &str, to: LinkTo) -> Self {
        let at = At::Row(table, id);
        Self::link("dataverse.set_reference", Method::PUT, at, navigation, to)
    }

    /// Points the lookup with the navigation name `navigation` of the row that the earlier
    /// operation `made_by` of the same change set makes at `to`.
    pub fn set_reference_of_made(made_by: ContentId, navigation: &str, to: LinkTo) -> Self {
        let at = At::Made(made_by);
        Self::link("dataverse.set_reference", Method::PUT, at, navigation, to)
    }

    /// Adds the row `to` to the collection with the navigation name `navigation` of the row `id`
    /// of `table`.
    pub fn associate(table: &Table, id: Uuid, navigation: &str, to: LinkTo) -> Self {
        let at = At::Row(table, id);
        Self::link("dataverse.associate", Method::POST, at, navigation, to)
    }

    /// Removes the row `from` out of the collection with the navigation name `navigation` of the
    /// row `id` of `table`; without `from`, clears the lookup of that name.
    pub fn disassociate(table: &Table, id: Uuid, navigation: &str, from: Option<Uuid>) -> Self {
        let row = from.map(|from| format!("({from})")).unwrap_or_default();
        let target = format!("{}/{navigation}{row}/$ref", table.row_target(id));
        let mut op = Self::new("dataverse.disassociate", Method::DELETE, target);
        table.check(&mut op.faults);
        op.faults.check_name("navigation", navigation);
        op
    }

    fn link(
        operation: &'static str,
        method: Method,
        at: At<'_>,
        navigation: &str,
        to: LinkTo,
    ) -> Self {
        let mut op = Self::new(operation, method, format!("/{navigation}/$ref"));
        match at {
            At::Made(made_by) => op.at = Some(made_by),
            At::Row(table, id) => {
                table.check(&mut op.faults);
                op.target = format!("{}{}", table.row_target(id), op.target);
            }
        }
        op.faults.check_name("navigation", navigation);
        to.check(&mut op.faults);
        op.body = Body::Link(to);
        op
    }
}

/// The row at this end of a link.
#[derive(Clone, Copy)]
enum At<'a> {
    Row(&'a Table, Uuid),
    Made(ContentId),
}

impl Rows {
    /// Reads one column of the row `id`, as JSON; `None` when it is null.
    ///
    /// # Errors
    /// [`Error`]; kind `NotFound` when the row is missing.
    pub async fn property(&self, id: Uuid, column: &str) -> Result<Option<Box<RawValue>>, Error> {
        let operation = "dataverse.property";
        let mut faults = Faults::default();
        self.table.check(&mut faults);
        faults.check_name("column", column);
        faults.into_result(operation)?;
        let target = format!("{}/{column}", self.table.row_target(id));
        let call = Call::new(operation, Method::GET, target, Repeat::Safe);
        let answer = self.client.raw(call).await?;
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let property: Property = decode_json(operation, &answer)?;
        Ok(Some(property.value).filter(|value| value.get() != "null"))
    }

    /// Points the lookup with the navigation name `navigation` of the row `id` at the row `to` of
    /// `table`; see [`Op::set_reference`].
    ///
    /// # Errors
    /// [`Error`]
    pub async fn set_reference(
        &self,
        id: Uuid,
        navigation: &str,
        table: &Table,
        to: Uuid,
    ) -> Result<(), Error> {
        let to = LinkTo::Row(table.clone(), to);
        let op = Op::set_reference(&self.table, id, navigation, to);
        self.client.run(&op, None).await.map(drop)
    }

    /// Adds the row `to` of `table` to the collection with the navigation name `navigation` of the
    /// row `id`; see [`Op::associate`].
    ///
    /// # Errors
    /// [`Error`]
    pub async fn associate(
        &self,
        id: Uuid,
        navigation: &str,
        table: &Table,
        to: Uuid,
    ) -> Result<(), Error> {
        let to = LinkTo::Row(table.clone(), to);
        let op = Op::associate(&self.table, id, navigation, to);
        self.client.run(&op, None).await.map(drop)
    }

    /// Removes the row `from` out of the collection with the navigation name `navigation` of the
    /// row `id`; without `from`, clears the lookup of that name.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn disassociate(
        &self,
        id: Uuid,
        navigation: &str,
        from: Option<Uuid>,
    ) -> Result<(), Error> {
        let op = Op::disassociate(&self.table, id, navigation, from);
        self.client.run(&op, None).await.map(drop)
    }
}
