//! What both sides say of a lead.

use cosell_mapping::FieldId;

/// Yes on an open referral that is a lead, and on a row of the CRM's table of leads; other records
/// have no such field. So a new row goes to the right table. Its blanks keep it
/// apart from the names of rules.
pub(crate) const LEAD: FieldId = FieldId::from_static("it is a lead");
