//! The request of a post: address, secret, headers.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri};
use roxmltree::Document;
use url::Url;

use super::STEP;
use super::queue::Post;
use crate::dataverse::Dataverse;
use crate::dataverse::cell::Cell;

/// Why nothing can be sent: a code of the service and its words.
type Failure = (&'static str, String);

const BAD_HEADERS: &str = "0x80050203";
const BAD_QUERY: &str = "0x80050204";
const NOT_SENT: &str = "0x80050205";

impl Dataverse {
    pub(super) fn event_request(&self, post: &Post) -> Result<Request<Bytes>, Failure> {
        let gone = || (NOT_SENT, "The service endpoint does not exist.".to_owned());
        let step = self.store.row(STEP, post.step).ok_or_else(gone)?;
        let endpoint = step.get("eventhandler").and_then(Cell::as_ref);
        let endpoint = endpoint.and_then(|(table, id)| self.store.row(table, id));
        let endpoint = endpoint.ok_or_else(gone)?;
        let text = |name: &str| {
            endpoint
                .get(name)
                .and_then(Cell::as_text)
                .unwrap_or_default()
        };
        let bad = |_| {
            (
                NOT_SENT,
                "The url of the service endpoint is not valid.".to_owned(),
            )
        };
        let mut url = Url::parse(text("url")).map_err(bad)?;
        let secret = text("authvalue");
        let mut headers = Vec::new();
        match endpoint.get("authtype").and_then(Cell::as_int) {
            Some(4) => {
                url.query_pairs_mut().append_pair("code", secret);
            }
            Some(5) => {
                headers = settings(secret)
                    .ok_or_else(|| (BAD_HEADERS, "The http headers are not valid.".to_owned()))?;
            }
            Some(6) => {
                let pairs = settings(secret)
                    .ok_or_else(|| (BAD_QUERY, "The query parameters are not valid.".to_owned()))?;
                url.query_pairs_mut().extend_pairs(pairs);
            }
            _ => {}
        }
        let uri: Uri = url.as_str().parse().map_err(|_| {
            (
                NOT_SENT,
                "The url of the service endpoint is not valid.".to_owned(),
            )
        })?;
        let (body, cut) = post.body.clone();
        let mut request = Request::new(body);
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = uri;
        let correlation = post.operation.to_string();
        let host = self.options.organization_host.clone();
        let known = [
            ("content-type", "application/json"),
            ("x-ms-dynamics-organization", &*host),
            ("x-ms-dynamics-entity-name", &*post.table),
            ("x-ms-dynamics-request-name", post.message),
            ("x-ms-correlation-request-id", &*correlation),
        ];
        for (name, value) in known {
            if let Ok(value) = HeaderValue::from_str(value) {
                request
                    .headers_mut()
                    .insert(HeaderName::from_static(name), value);
            }
        }
        if cut {
            let name = HeaderName::from_static("x-ms-dynamics-msg-size-exceeded");
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static("True"));
        }
        for (name, value) in headers {
            let bad = || {
                (
                    BAD_HEADERS,
                    format!("The http header '{name}' is not valid."),
                )
            };
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
            let value = HeaderValue::from_str(&value).map_err(|_| bad())?;
            request.headers_mut().insert(header, value);
        }
        Ok(request)
    }
}

/// `<settings><setting name="…" value="…"/></settings>`
fn settings(text: &str) -> Option<Vec<(String, String)>> {
    let document = Document::parse(text).ok()?;
    let root = document.root_element();
    if !root.has_tag_name("settings") {
        return None;
    }
    let settings = root.children().filter(roxmltree::Node::is_element);
    settings
        .map(|setting| {
            let name = setting.attribute("name")?.to_owned();
            Some((name, setting.attribute("value")?.to_owned()))
        })
        .collect()
}
