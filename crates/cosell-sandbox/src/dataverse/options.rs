//! What a simulated environment is made of, and which reading it takes of what the documentation leaves open.

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;
use uuid::Uuid;

use super::limits::Limits;
use super::schema::Column;

/// May an ordinary column of a closed opportunity be changed through the API?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClosedRows {
    /// Yes: only the form is read-only.
    #[default]
    Editable,
    /// No: only a reopening is accepted.
    ReadOnly,
}

/// What becomes of a read-only column in a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadOnlyColumns {
    /// It is dropped without a word.
    #[default]
    Ignored,
    /// The request is refused.
    Refused,
}

/// A user row: a person, or the application user of an app registration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// `systemuserid`.
    pub id: Uuid,
    /// Object id in Entra.
    pub object_id: Uuid,
    /// Client id of the app registration; `None` for a person.
    pub application_id: Option<Uuid>,
    /// `fullname`.
    pub name: String,
    /// `domainname` and `internalemailaddress`.
    pub email: String,
    /// `mobilephone`; may be empty.
    pub phone: String,
    /// `isdisabled`.
    pub disabled: bool,
    /// Has it a security role at all?
    pub roles: bool,
    /// May it act for other users (`prvActOnBehalfOfAnotherUser`)?
    pub delegate: bool,
    /// Privileges that its roles lack, such as `prvWriteOpportunity`.
    pub denied: BTreeSet<String>,
}

impl User {
    /// A person who signs in.
    pub fn person(
        id: Uuid,
        object_id: Uuid,
        name: impl Into<String>,
        email: impl Into<String>,
    ) -> Self {
        Self {
            id,
            object_id,
            application_id: None,
            name: name.into(),
            email: email.into(),
            phone: String::new(),
            disabled: false,
            roles: true,
            delegate: false,
            denied: BTreeSet::new(),
        }
    }

    /// An application user.
    pub fn application(id: Uuid, application_id: Uuid, name: impl Into<String>) -> Self {
        Self {
            id,
            object_id: Uuid::new_v5(&application_id, b"object"),
            application_id: Some(application_id),
            name: name.into(),
            email: format!("{application_id}@apps.example"),
            phone: String::new(),
            disabled: false,
            roles: true,
            delegate: true,
            denied: BTreeSet::new(),
        }
    }

    /// The same user without any security role.
    #[must_use]
    pub fn without_roles(mut self) -> Self {
        self.roles = false;
        self
    }

    /// The same user without a privilege, such as `prvWriteOpportunity`, or
    /// `prvActOnBehalfOfAnotherUser`.
    #[must_use]
    pub fn without(mut self, privilege: &str) -> Self {
        if privilege.eq_ignore_ascii_case("prvActOnBehalfOfAnotherUser") {
            self.delegate = false;
        }
        self.denied.insert(privilege.to_owned());
        self
    }

    /// The same user, with a phone.
    #[must_use]
    pub fn with_phone(mut self, phone: impl Into<String>) -> Self {
        self.phone = phone.into();
        self
    }

    /// The same user, switched off.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.disabled = true;
        self
    }
}

/// A label in another language than the organization's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtraLabel {
    /// Logical name of the table.
    pub table: String,
    /// Logical name of the column.
    pub column: String,
    /// The choice's value; `None` for the column's own label.
    pub value: Option<i32>,
    /// Language code.
    pub language: i64,
    /// Text.
    pub text: String,
}

/// Client id of the application user that [`Options::default`] knows.
pub const DEFAULT_APPLICATION: Uuid = Uuid::from_u128(0x51d2_7a38_0c4e_4f60_9b7d_2f3e_6a81_c001);

/// `systemuserid` of the seller that [`Options::default`] knows.
pub const DEFAULT_SELLER: Uuid = Uuid::from_u128(0x9f11_4c20_6d0b_4e0e_8a55_70c1_d2b3_0002);

/// What an environment is made of and how it reads open points. All switches start at the likeliest reading.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Seed of generated ids. Same seed, same ids.
    pub seed: u64,
    /// Tenant that the sign-in challenge names.
    pub tenant: Uuid,
    /// `organizationid`.
    pub organization_id: Uuid,
    /// Friendly name of the organization.
    pub organization_name: String,
    /// The CRM seller who does what the `seller_…` methods say; always a user of the environment.
    pub seller: User,
    /// All other users.
    pub users: Vec<User>,
    /// Columns installed beside the shipped ones: logical name of the table, column.
    pub columns: Vec<(String, Column)>,
    /// Logical names of the tables with change tracking on.
    pub tracked: BTreeSet<String>,
    /// Days that a delta link lives; kept in the organization row.
    pub delta_days: i64,
    /// Status of the answer to an expired delta link: 400 or 410.
    pub expired_delta_status: StatusCode,
    /// Edits of closed opportunities.
    pub closed_rows: ClosedRows,
    /// Status of the answer to a PATCH that would close an opportunity.
    pub state_patch_status: StatusCode,
    /// Does reopening clear actual revenue and actual close date?
    pub reopen_clears_actuals: bool,
    /// May a change set hold an action such as `WinOpportunity`?
    pub actions_in_change_sets: bool,
    /// Name of the member that holds the result of `CalculateActualValueOpportunity`.
    pub actual_value_member: String,
    /// Status of the answer to a create with an id that is taken: 412 or 400.
    pub duplicate_key_status: StatusCode,
    /// Status of the answer to a row that a duplicate rule finds: 412 or 500.
    pub duplicate_row_status: StatusCode,
    /// Does a refused `If-None-Match: *` print an empty code?
    pub empty_code_when_present: bool,
    /// Does a failed `If-Match` print an empty code?
    pub empty_code_when_changed: bool,
    /// Host by which posts of events name the organization.
    pub organization_host: String,
    /// How long an event waits for its post.
    pub event_delay: Duration,
    /// How long a post waits for its second try after 502, 503 or 504.
    pub event_retry: Duration,
    /// How often each event is posted.
    pub event_copies: u32,
    /// Are events that are due together posted in the opposite order?
    pub events_reversed: bool,
    /// Does `InitiatingUserId` of an event name the real caller when it acts for another user?
    pub event_initiator_is_real: bool,
    /// Does the header that bypasses steps by their ids count for steps of webhooks?
    pub step_ids_bypass_webhooks: bool,
    /// Has the last page of a tracked read its delta link also when annotations are asked for?
    pub delta_link_with_annotations: bool,
    /// Does FetchXML hand out its first page and its cookie again and again?
    pub fetch_cookie_repeats: bool,
    /// Does an answer to FetchXML have its paging cookie also when no annotation is asked for?
    pub fetch_cookie_unasked: bool,
    /// Read-only columns in bodies.
    pub read_only_columns: ReadOnlyColumns,
    /// Value of `x-ms-dop-hint`.
    pub dop_hint: u32,
    /// Service protection; `None` refuses nothing.
    pub limits: Option<Limits>,
    /// Language code of the organization, such as 1033 or 1043; shipped labels are in it.
    pub language: i64,
    /// Labels in further languages.
    pub labels: Vec<ExtraLabel>,
    /// Are the columns of Microsoft's own connector solution installed?
    pub connector_columns: bool,
    /// Does qualifying a lead copy the connector's flag, identifier and link to the opportunity?
    /// It does where an administrator mapped them.
    pub qualify_copies_connector_columns: bool,
    /// How long a new column is missing from reads of definitions without `Consistency: Strong`.
    pub metadata_lag: Duration,
    /// How long the index of a new alternate key is built.
    pub key_index_delay: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            tenant: Uuid::from_u128(0x3f3c_5a11_8e0d_4d4b_9a40_1f60_77d2_0003),
            organization_id: Uuid::from_u128(0xa1b2_0c3d_4e5f_4a6b_8c7d_9e0f_1a2b_0004),
            organization_name: "Fabrikam Sales".to_owned(),
            seller: User::person(
                DEFAULT_SELLER,
                Uuid::from_u128(0x9f11_4c20_6d0b_4e0e_8a55_70c1_d2b3_0102),
                "Ana Fischer",
                "ana@fabrikam.example",
            )
            .with_phone("+441130000003"),
            users: vec![User::application(
                Uuid::from_u128(0x9f11_4c20_6d0b_4e0e_8a55_70c1_d2b3_0001),
                DEFAULT_APPLICATION,
                "# Partner sync",
            )],
            columns: Vec::new(),
            tracked: ["opportunity", "account", "contact"]
                .map(str::to_owned)
                .into(),
            delta_days: 7,
            expired_delta_status: StatusCode::BAD_REQUEST,
            closed_rows: ClosedRows::Editable,
            state_patch_status: StatusCode::BAD_REQUEST,
            reopen_clears_actuals: true,
            actions_in_change_sets: true,
            actual_value_member: "Value".to_owned(),
            duplicate_key_status: StatusCode::PRECONDITION_FAILED,
            duplicate_row_status: StatusCode::PRECONDITION_FAILED,
            empty_code_when_present: true,
            empty_code_when_changed: false,
            organization_host: "fabrikam-sales.crm4.dynamics.com".to_owned(),
            event_delay: Duration::ZERO,
            event_retry: Duration::from_secs(30),
            event_copies: 1,
            events_reversed: false,
            event_initiator_is_real: false,
            step_ids_bypass_webhooks: true,
            delta_link_with_annotations: true,
            fetch_cookie_repeats: false,
            fetch_cookie_unasked: true,
            read_only_columns: ReadOnlyColumns::Ignored,
            dop_hint: 8,
            limits: None,
            language: 1033,
            labels: Vec::new(),
            connector_columns: true,
            qualify_copies_connector_columns: false,
            metadata_lag: Duration::ZERO,
            key_index_delay: Duration::from_secs(30),
        }
    }
}

macro_rules! with {
    ($($(#[$doc:meta])* $with:ident: $field:ident: $kind:ty;)*) => {
        impl Options {$(
            $(#[$doc])*
            #[must_use]
            pub fn $with(mut self, value: $kind) -> Self {
                self.$field = value;
                self
            }
        )*}
    };
}

with! {
    /// Sets the seed of generated ids.
    with_seed: seed: u64;
    /// Sets the tenant.
    with_tenant: tenant: Uuid;
    /// Sets the organization id.
    with_organization_id: organization_id: Uuid;
    /// Sets the seller of the `seller_…` methods.
    with_seller: seller: User;
    /// Replaces the other users.
    with_users: users: Vec<User>;
    /// Sets how many days a delta link lives.
    with_delta_days: delta_days: i64;
    /// Sets the status for expired delta links.
    with_expired_delta_status: expired_delta_status: StatusCode;
    /// Sets whether closed opportunities may be edited.
    with_closed_rows: closed_rows: ClosedRows;
    /// Sets the status for a PATCH that would close.
    with_state_patch_status: state_patch_status: StatusCode;
    /// Sets whether reopening clears the actual values.
    with_reopen_clears_actuals: reopen_clears_actuals: bool;
    /// Sets whether change sets may hold actions.
    with_actions_in_change_sets: actions_in_change_sets: bool;
    /// Sets the member that holds the result of `CalculateActualValueOpportunity`.
    with_actual_value_member: actual_value_member: String;
    /// Sets the status for an id that is taken.
    with_duplicate_key_status: duplicate_key_status: StatusCode;
    /// Sets the status for a row that a duplicate rule finds.
    with_duplicate_row_status: duplicate_row_status: StatusCode;
    /// Sets whether a refused `If-None-Match: *` has an empty code.
    with_empty_code_when_present: empty_code_when_present: bool;
    /// Sets whether a failed `If-Match` has an empty code.
    with_empty_code_when_changed: empty_code_when_changed: bool;
    /// Sets how long an event waits for its post.
    with_event_delay: event_delay: Duration;
    /// Sets how long a post waits for its second try.
    with_event_retry: event_retry: Duration;
    /// Sets how often each event is posted.
    with_event_copies: event_copies: u32;
    /// Sets whether events that are due together are posted in the opposite order.
    with_events_reversed: events_reversed: bool;
    /// Sets whose id `InitiatingUserId` is when somebody acts for another user.
    with_event_initiator_is_real: event_initiator_is_real: bool;
    /// Sets whether steps of webhooks can be bypassed by their ids.
    with_step_ids_bypass_webhooks: step_ids_bypass_webhooks: bool;
    /// Sets whether a tracked read with annotations ends in a delta link.
    with_delta_link_with_annotations: delta_link_with_annotations: bool;
    /// Sets whether FetchXML repeats its first page for ever.
    with_fetch_cookie_repeats: fetch_cookie_repeats: bool;
    /// Sets whether answers to FetchXML have a paging cookie that nobody asked for.
    with_fetch_cookie_unasked: fetch_cookie_unasked: bool;
    /// Sets what happens to read-only columns in bodies.
    with_read_only_columns: read_only_columns: ReadOnlyColumns;
    /// Sets the organization's language.
    with_language: language: i64;
    /// Sets whether Microsoft's own connector columns are installed.
    with_connector_columns: connector_columns: bool;
    /// Sets whether qualifying a lead copies the connector's columns.
    with_qualify_copies_connector_columns: qualify_copies_connector_columns: bool;
    /// Sets how late definitions show a new column.
    with_metadata_lag: metadata_lag: Duration;
    /// Sets how long the index of a new alternate key is built.
    with_key_index_delay: key_index_delay: Duration;
    /// Sets the recommended parallelism.
    with_dop_hint: dop_hint: u32;
}

impl Options {
    /// Protects the service by these limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Adds a label in a further language for the value of a choice.
    #[must_use]
    pub fn with_label(
        mut self,
        (table, column): (&str, &str),
        value: i32,
        language: i64,
        text: &str,
    ) -> Self {
        self.labels.push(ExtraLabel {
            table: table.to_owned(),
            column: column.to_owned(),
            value: Some(value),
            language,
            text: text.to_owned(),
        });
        self
    }

    /// Adds a user.
    #[must_use]
    pub fn with_user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// Installs a column on the table with this logical name. A table that does not exist is left out;
    /// a column that exists is replaced.
    #[must_use]
    pub fn with_column(mut self, table: impl Into<String>, column: Column) -> Self {
        self.columns.push((table.into(), column));
        self
    }

    /// Switches change tracking of a table on or off.
    #[must_use]
    pub fn with_tracking(mut self, table: &str, on: bool) -> Self {
        if on {
            self.tracked.insert(table.to_owned());
        } else {
            self.tracked.remove(table);
        }
        self
    }
}
