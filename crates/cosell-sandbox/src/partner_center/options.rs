//! How the double is set up: one switch per fact that the public record leaves open.

use std::time::Duration;

use http::StatusCode;
use uuid::Uuid;

macro_rules! options {
    ($( $(#[$doc:meta])* $name:ident / $with:ident : $kind:ty = $default:expr; )*) => {
        /// Settings of a [`PartnerCenter`](super::PartnerCenter). Each switch of an unconfirmed
        /// fact stands on the reading thought best.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct Options { $( $(#[$doc])* pub $name: $kind, )* }

        impl Default for Options {
            fn default() -> Self { Self { $( $name: $default, )* } }
        }

        impl Options {
            $( $(#[$doc])* #[must_use]
            pub fn $with(mut self, $name: $kind) -> Self { self.$name = $name; self } )*
        }
    };
}

options! {
    /// Seed of ids and tags: the same seed, times and requests give the same answers.
    seed / with_seed: u64 = 1;
    /// Id of the partner's own organization.
    organization_id / with_organization_id: Uuid = Uuid::from_u128(0x5d0f_2c1e_7a34_4b6e_9a57_0c2f_6b8e_1d42);
    /// Name of the partner's own organization.
    organization_name / with_organization_name: String = "Northwind Cloud Partners".into();
    /// Tenant of the organization; callers of other tenants see nothing. `None`: any tenant.
    tenant / with_tenant: Option<Uuid> = None;
    /// Which rules of content are enforced.
    validation / with_validation: Validation = Validation::Strict;
    /// What happens to properties that no table knows.
    unknown_fields / with_unknown_fields: UnknownFields = UnknownFields::Ignored;
    /// How the link to the next page is written.
    next_link / with_next_link: NextLink = NextLink::Clean;
    /// Success status of a create: 200 or 201.
    create_status / with_create_status: StatusCode = StatusCode::OK;
    /// Referrals on one page of a list.
    page_size / with_page_size: usize = 100;
    /// What `$top` means.
    top / with_top: Top = Top::Limit;
    /// What `@odata.count` counts.
    count / with_count: Count = Count::Page;
    /// Lists show the state of this long ago; reads by id are always current. At most one hour
    /// is remembered.
    list_lag / with_list_lag: Duration = Duration::ZERO;
    /// Which properties the items of a list leave out.
    list_items / with_list_items: ListItems = ListItems::Full;
    /// Do lists show referrals whose owner is Microsoft? They can be read by id in any case.
    lists_show_microsoft / with_lists_show_microsoft: bool = true;
    /// Answer for a referral of another organization: 404 or 403.
    foreign / with_foreign: StatusCode = StatusCode::NOT_FOUND;
    /// Which filters are understood.
    filters / with_filters: Filters = Filters::Full;
    /// What a filter by `externalReferenceId` does.
    external_reference_filter / with_external_reference_filter: ReferenceFilter = ReferenceFilter::Supported;
    /// Is `/name` patchable through the API? (In the portal it is.)
    name_patchable / with_name_patchable: bool = false;
    /// What replacing an optional value with null does.
    clearing / with_clearing: Clearing = Clearing::Accepted;
    /// May the partner patch the referral that is addressed to Microsoft?
    microsoft_patchable / with_microsoft_patchable: bool = false;
    /// Does inviting Microsoft move `eTag` and `updatedDateTime` of the own referral?
    invitation_moves_own / with_invitation_moves_own: bool = false;
    /// Where the Microsoft CRM id appears once Microsoft has accepted.
    msx_id / with_msx_id: MsxId = MsxId::Both;
    /// Does a deal that Microsoft sends come with a second referral, Microsoft's own view?
    inbound_has_microsoft_part / with_inbound_has_microsoft_part: bool = true;
    /// Do lists show leads of the marketplace?
    lists_show_leads / with_lists_show_leads: bool = true;
    /// Are the people of a lead taken out when it expires unanswered? The portal hides them.
    expired_leads_lose_people / with_expired_leads_lose_people: bool = true;
    /// Does the service derive `type` from the consent to share, whatever was sent?
    type_follows_consent / with_type_follows_consent: bool = false;
    /// What makes a new referral "received".
    received / with_received: Received = Received::OnRequest;
    /// Is `Error` a word of the service for a closed referral?
    error_is_a_substatus / with_error_is_a_substatus: bool = true;
    /// Must a referral that is declined, lost or an error say why?
    reason_required / with_reason_required: bool = false;
    /// Refusal of an illegal move of the state: 400 or 409.
    illegal_move / with_illegal_move: StatusCode = StatusCode::BAD_REQUEST;
    /// Answer for an id that is no GUID: 400 or 404.
    malformed_id / with_malformed_id: StatusCode = StatusCode::BAD_REQUEST;
    /// Are patches of the type `application/json-patch+json` taken, too?
    json_patch_type / with_json_patch_type: bool = true;
    /// Are the paths of a patch compared without regard to case?
    paths_ignore_case / with_paths_ignore_case: bool = false;
    /// Are `*` and lists understood in `If-Match`?
    if_match_lists / with_if_match_lists: bool = true;
    /// Does `X-Caller-Id` show in `createdVia` and `lastModifiedVia`?
    caller_id_shows / with_caller_id_shows: bool = false;
    /// Which vocabulary of sales stages is taken.
    sales_stages / with_sales_stages: SalesStages = SalesStages::Any;
    /// Refusal of an obsolete `PUT` without `If-Match`: 400 or 412.
    put_without_if_match / with_put_without_if_match: StatusCode = StatusCode::BAD_REQUEST;
    /// What an obsolete `PUT` does to properties that it leaves out.
    put_omitted / with_put_omitted: Omitted = Omitted::Cleared;
    /// Is the multi-factor claim demanded?
    mfa / with_mfa: Mfa = Mfa::Demanded;
    /// Refusal of a token without a user: 400, 401 or 403.
    app_only / with_app_only: StatusCode = StatusCode::BAD_REQUEST;
    /// How long after a create the account matching is done: a change without any caller.
    /// `None`: never.
    matching_delay / with_matching_delay: Option<Duration> = Some(Duration::from_secs(30));
}

/// Which rules of content are enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// What the portal, its file upload and the connectors ask for, too.
    Strict,
    /// Only the four required objects and the kinds of values.
    Lenient,
}

/// What happens to properties that no table knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownFields {
    /// They are dropped in silence.
    Ignored,
    /// 400 with the path: shows a misspelt name at once.
    Refused,
}

/// How the link to the next page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextLink {
    /// The address that was asked, with a skip token.
    Clean,
    /// As documented: scheme `http`, path without `/engagements`, where nothing answers.
    Documented,
}

/// What `$top` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Top {
    /// At most so many in all, over several pages if needed.
    Limit,
    /// So many on each page.
    PageSize,
}

/// What `@odata.count` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// The referrals on the page, asked for or not.
    Page,
    /// All that match, only with `$count=true`.
    Total,
}

/// Which properties the items of a list leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListItems {
    /// None.
    Full,
    /// `eTag`.
    WithoutETag,
    /// `eTag` and `team`.
    WithoutETagAndTeam,
}

/// Which filters are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filters {
    /// All operators over all properties.
    Full,
    /// `eq`, `and`, `any` over the properties of the official samples; else 400.
    Documented,
}

/// What a filter by `externalReferenceId` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceFilter {
    /// It filters.
    Supported,
    /// 400.
    Refused,
    /// The filter is ignored: everything is listed.
    Ignored,
}

/// What replacing an optional value with null does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clearing {
    /// The value is null afterwards.
    Accepted,
    /// The answer says success, the value stays.
    Ignored,
    /// 400.
    Refused,
}

/// Which vocabulary of sales stages is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SalesStages {
    /// Any text.
    Any,
    /// `Qualify`, `Develop`, `Propose`, `Close`.
    Words,
    /// `10`, `20`, `40`, `60`, `80`, `100`.
    Percentages,
}

/// What a `PUT` does to properties that it leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Omitted {
    /// They are null, or whatever stands there when nobody has set them.
    Cleared,
    /// They stay as they are.
    Kept,
}

/// What makes a new referral "received".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// A patch of the recipient's, and nothing else.
    OnRequest,
    /// Also the first time that the recipient reads it by its id: it changes by being looked at,
    /// and so does its version. The answer shows it as it is afterwards.
    OnRead,
}

/// Where the Microsoft CRM id appears once Microsoft has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MsxId {
    /// On Microsoft's referral only; the own one does not move.
    Microsoft,
    /// On both referrals; both move.
    Both,
}

/// Is the multi-factor claim demanded?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mfa {
    /// 401 with code 900421.
    Demanded,
    /// 401 with a `WWW-Authenticate` header and no body.
    DemandedWithoutBody,
    /// No.
    NotDemanded,
}
