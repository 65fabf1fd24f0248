//! The client: one method for each operation of the service.

use std::sync::Arc;

use cosell_http::{
    Answer, Call, Client, Error, ErrorKind, Repeat, Sent, Sleep, TokenProvider, Transport,
};
use futures_util::{TryStreamExt, stream};
use http::{HeaderName, HeaderValue, Method, header};
use url::Url;

use crate::{
    Continuation, CreateOptions, Draft, FieldError, Filter, ListOptions, NewReferral, Page,
    PageStream, Patch, PatchOptions, PatchOutcome, Patched, RawMap, Referral, ReferralStream,
    ReferralsBuilder, Violations, is_stale, link,
    page::{CircleGuard, PageFault},
    wire::encode,
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Partner Center's referrals, as one signed-in user. Cheap to clone.
///
/// | operation | request | method |
/// |---|---|---|
/// | list | `GET referrals` | [`list`](Self::list), [`pages`](Self::pages), [`first_page`](Self::first_page), [`related`](Self::related) |
/// | get | `GET referrals/{id}` | [`get`](Self::get) |
/// | create | `POST referrals` | [`create_draft`](Self::create_draft), [`create`](Self::create), [`create_raw`](Self::create_raw) |
/// | patch | `PATCH referrals/{id}` | [`patch_read`](Self::patch_read), [`patch`](Self::patch) |
/// | anything else | | [`raw`](Self::raw) |
///
/// All need a user's token for the audience `https://api.partner.microsoft.com`, with the role
/// Referrals Admin or Referrals User. A role that is too narrow is not refused: lists are
/// silently shorter.
///
/// Cancel safety of every method: reads may be dropped; a dropped write may have taken effect.
#[derive(Clone, Debug)]
pub struct Referrals {
    http: Client,
    collection: Url,
}

impl Referrals {
    /// On a client of one's own, which should read errors with
    /// [`read_error`](crate::read_error).
    ///
    /// The client's base is the folder of the collection (`…/v1.0/engagements/`), or a host
    /// alone, for which that path is filled in.
    pub fn new(http: Client) -> Self {
        Self {
            collection: link::collection(http.base()),
            http,
        }
    }

    /// Starts building a client for production.
    pub fn builder(
        transport: Arc<dyn Transport>,
        tokens: Arc<dyn TokenProvider>,
        sleep: Arc<dyn Sleep>,
    ) -> ReferralsBuilder {
        ReferralsBuilder {
            base: None,
            transport,
            tokens,
            sleep,
        }
    }

    /// The client below, with the same sign-in, origin and error reader, for calls that have no
    /// method here: `referrals.raw().call(call)`.
    pub fn raw(&self) -> &Client {
        &self.http
    }

    /// Lists referrals one by one, asking for pages as they are needed.
    ///
    /// Ends when the service gives no further link, never on an empty page. After an error it
    /// ends too; go on with [`pages_after`](Self::pages_after) from a page's
    /// [`next`](Page::next). Memory: one page.
    pub fn list(&self, options: ListOptions) -> ReferralStream {
        let pages = self.pages(options);
        Box::pin(
            pages
                .map_ok(|page| stream::iter(page.items.into_iter().map(Ok)))
                .try_flatten(),
        )
    }

    /// Lists referrals page by page, each with the place where the list goes on.
    ///
    /// # Errors
    /// The stream's: those of [`first_page`](Self::first_page) and
    /// [`next_page`](Self::next_page), and [`ErrorKind::Malformed`] if the service's links go
    /// round in a circle.
    pub fn pages(&self, options: ListOptions) -> PageStream {
        self.walk(Place::Start(options))
    }

    /// As [`pages`](Self::pages), from a stored place on. Repeats nothing that came before it.
    pub fn pages_after(&self, continuation: Continuation) -> PageStream {
        self.walk(Place::After(continuation))
    }

    /// The first page of a list.
    ///
    /// # Errors
    /// [`Error`]; [`ErrorKind::Malformed`] for an answer that is no page or whose link leads to
    /// another host.
    pub async fn first_page(&self, options: &ListOptions) -> Result<Page, Error> {
        let target = format!("{}?{}", self.collection, options.query());
        self.page(target).await
    }

    /// The page at a place where a list goes on.
    ///
    /// # Errors
    /// As [`first_page`](Self::first_page); [`ErrorKind::Invalid`] for a continuation that is
    /// not of this service. One that is too old is refused by the service: start over.
    pub async fn next_page(&self, continuation: &Continuation) -> Result<Page, Error> {
        let target = link::follow(&self.collection, continuation.as_str())
            .map_err(|reason| invalid(LIST, format!("continuation: {reason}; start over")))?;
        let page = self.page(target).await?;
        if page.next.as_ref() == Some(continuation) {
            return Err(circle());
        }
        Ok(page)
    }

    /// The referral `id` as it is now; `None` if the service says that there is none.
    ///
    /// A 404 without the service's own error body (a gateway, a wrong address) is an error of
    /// kind [`ErrorKind::NotFound`], so that a faulty network never looks like a deletion.
    ///
    /// # Errors
    /// [`Error`]; [`ErrorKind::Denied`] where the identity may not see it.
    pub async fn get(&self, id: &str) -> Result<Option<Referral>, Error> {
        const GET: &str = "referrals.get";
        let call = Call::new(GET, Method::GET, self.item(GET, id)?, Repeat::Safe);
        match self.http.call(accepting(call)).await {
            Ok(answer) => referral(GET, &answer).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound && error.code().is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates a referral and returns it as the service keeps it: with its id and engagement,
    /// and accepted if it is the partner's own.
    ///
    /// The service knows no key for this: a second call makes a second referral. So it is sent
    /// again only if the first certainly was not received. When [`Error::sent`] says *maybe*, look
    /// for the referral before you repeat.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if [`NewReferral::check`] objects (nothing was sent); else
    /// [`Error`]. [`ErrorKind::Malformed`] means created, but the answer was not readable.
    pub async fn create(
        &self,
        draft: &NewReferral,
        options: CreateOptions,
    ) -> Result<Referral, Error> {
        draft
            .check()
            .map_err(|violations| refuse(CREATE, violations))?;
        self.create_raw(draft.raw(), options).await
    }

    /// As [`create`](Self::create), for a draft that knows what its kind of deal needs.
    ///
    /// # Errors
    /// As [`create`](Self::create), with [`Draft::check`] under [`CreateOptions::profile`].
    pub async fn create_draft<D: Draft>(
        &self,
        draft: &D,
        options: CreateOptions,
    ) -> Result<Referral, Error> {
        draft
            .check(options.profile)
            .map_err(|violations| refuse(CREATE, violations))?;
        self.create_raw(draft.referral().raw(), options).await
    }

    /// As [`create`](Self::create), from a raw object that is sent as it is.
    ///
    /// # Errors
    /// As [`create`](Self::create), without the check.
    pub async fn create_raw(
        &self,
        draft: &RawMap,
        options: CreateOptions,
    ) -> Result<Referral, Error> {
        let body = encode(draft).get().to_owned();
        let target = self.collection.as_str();
        let call = Call::new(CREATE, Method::POST, target, Repeat::IfNotSent)
            .with_body(JSON, body)
            .with_not_after(options.not_after);
        let answer = self.http.call(accepting(call)).await?;
        referral(CREATE, &answer)
    }

    /// Changes the referral `id`; all of the patch takes effect or nothing.
    ///
    /// With [`PatchOptions::if_match`] it takes effect only on that version, else the answer is
    /// an error for which [`is_stale`](crate::is_stale) holds. [`Patch::repeat`] tells what is
    /// sent again by itself.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if [`Patch::check`] objects (nothing was sent); else [`Error`].
    /// [`ErrorKind::Malformed`] means changed, but the answer was not readable.
    pub async fn patch(
        &self,
        id: &str,
        patch: &Patch,
        options: PatchOptions,
    ) -> Result<Patched, Error> {
        patch
            .check()
            .map_err(|violations| refuse(PATCH, violations))?;
        let target = self.item(PATCH, id)?;
        let mut call = Call::new(PATCH, Method::PATCH, target, patch.repeat(&options))
            .with_body(JSON, patch.to_json(options.verb))
            .with_not_after(options.not_after);
        if let Some(etag) = &options.if_match {
            let value = HeaderValue::from_str(etag.as_str()).map_err(|error| {
                invalid(
                    PATCH,
                    "the eTag is no header value; read the referral again",
                )
                .with_source(error)
            })?;
            call = call.with_header(header::IF_MATCH, value);
        }
        if options.representation {
            let wish = HeaderValue::from_static("return=representation");
            call = call.with_header(PREFER, wish);
        }
        let answer = self.http.call(accepting(call)).await?;
        let referral = if answer.body.is_empty() {
            None
        } else {
            Some(referral(PATCH, &answer)?)
        };
        Ok(Patched { referral })
    }

    /// Changes a referral that was read, if it is still as it was read.
    ///
    /// The patch is judged against the referral first ([`Patch::check_for`] under
    /// [`PatchOptions::profile`]), so an illegal move costs no request. The id and the version are
    /// the referral's own; an [`if_match`](PatchOptions::if_match) of the options is not used.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the check objects, or if the referral lacks id or version, as
    /// items of a list may (nothing was sent: [`get`](Self::get) it); else as
    /// [`patch`](Self::patch). A stale version is no error but an outcome.
    pub async fn patch_read(
        &self,
        referral: &Referral,
        patch: &Patch,
        options: PatchOptions,
    ) -> Result<PatchOutcome, Error> {
        patch
            .check_for(referral, options.profile)
            .map_err(|violations| refuse(PATCH, violations))?;
        let (Ok(Some(id)), Ok(Some(version))) = (referral.id(), referral.etag()) else {
            return Err(invalid(
                PATCH,
                "the referral has no id or no eTag, as items of a list may; get it by its id",
            ));
        };
        let options = options.with_if_match(version);
        match self.patch(&id, patch, options).await {
            Ok(patched) => Ok(PatchOutcome::Applied(patched)),
            Err(error) if is_stale(&error) => Ok(PatchOutcome::Stale(error)),
            Err(error) => Err(error),
        }
    }

    /// Every referral of an engagement that the identity may see, oldest first. For
    /// [`Engagement::sort`](crate::Engagement::sort).
    ///
    /// The link in a referral that promises the same is not followed: it is neither encoded nor
    /// quoted. Referrals of other engagements are dropped, should the service not honour the
    /// filter. Lists may be late: what was created a moment ago may be missing.
    ///
    /// # Errors
    /// As [`first_page`](Self::first_page).
    pub async fn related(&self, engagement_id: &str) -> Result<Vec<Referral>, Error> {
        if engagement_id.trim().is_empty() {
            return Err(invalid(
                LIST,
                "the engagement's id is empty; give the engagementId of a referral",
            ));
        }
        let options = ListOptions::default().with_filter(Filter::engagement(engagement_id));
        self.list(options)
            .try_filter(|referral| {
                let same = matches!(
                    referral.engagement_id(),
                    Ok(Some(id)) if id.eq_ignore_ascii_case(engagement_id)
                );
                std::future::ready(same)
            })
            .try_collect()
            .await
    }

    async fn page(&self, target: String) -> Result<Page, Error> {
        let call = Call::new(LIST, Method::GET, target, Repeat::Safe);
        let answer = self.http.call(accepting(call)).await?;
        Page::decode(&answer.body, &self.collection).map_err(|fault| match fault {
            PageFault::Body(fault) => unreadable(LIST, &answer, fault),
            PageFault::Link(reason) => Error::malformed(
                LIST,
                &answer,
                format!("the link to the next page was not followed: {reason}"),
            ),
        })
    }

    fn walk(&self, place: Place) -> PageStream {
        let referrals = self.clone();
        let start = (referrals, place, CircleGuard::default());
        Box::pin(stream::try_unfold(
            start,
            async |(referrals, place, mut guard)| {
                let page = match &place {
                    Place::Start(options) => referrals.first_page(options).await?,
                    Place::After(continuation) => referrals.next_page(continuation).await?,
                    Place::End => return Ok(None),
                };
                let place = match page.next.clone() {
                    Some(next) if guard.closes(&next) => return Err(circle()),
                    Some(next) => Place::After(next),
                    None => Place::End,
                };
                Ok(Some((page, (referrals, place, guard))))
            },
        ))
    }

    fn item(&self, operation: &'static str, id: &str) -> Result<String, Error> {
        // Dots alone would be taken for a step up the path.
        if matches!(id, "" | "." | "..") {
            return Err(invalid(operation, "the id is empty; give a referral's id"));
        }
        Ok(format!("{}/{}", self.collection, link::segment(id)))
    }
}

const LIST: &str = "referrals.list";
const CREATE: &str = "referrals.create";
const PATCH: &str = "referrals.patch";

/// Where a walk through pages stands.
enum Place {
    Start(ListOptions),
    After(Continuation),
    End,
}

fn accepting(call: Call) -> Call {
    call.with_header(header::ACCEPT, JSON)
}

fn referral(operation: &'static str, answer: &Answer) -> Result<Referral, Error> {
    Referral::from_json(&answer.body).map_err(|fault| unreadable(operation, answer, fault))
}

fn unreadable(operation: &'static str, answer: &Answer, fault: FieldError) -> Error {
    Error::malformed(operation, answer, "the answer was not understood").with_source(fault)
}

fn refuse(operation: &'static str, violations: Violations) -> Error {
    invalid(operation, "breaks rules of the service").with_source(violations)
}

pub(crate) fn invalid(operation: &'static str, message: impl Into<String>) -> Error {
    Error::new(operation, ErrorKind::Invalid, Sent::No, message)
}

fn circle() -> Error {
    Error::new(
        LIST,
        ErrorKind::Malformed,
        Sent::Answered,
        "the links to the next page go round in a circle; start over, and if it stays so tell \
         the service's support",
    )
}
