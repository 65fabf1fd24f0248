//! The objects inside a referral.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use crate::{
    AssistanceRequestCode, CustomerIdType, Requirements, TargetType, ValidationStatus,
    wire::wire_object,
};

wire_object! {
    /// The customer of a deal. Fixed after creation but for `team`.
    CustomerProfile {
        /// Legal name of the company.
        name: String = "name", with_name;
        /// Its address.
        address: Address = "address", with_address;
        /// Bracket of employees, such as `251to1000employees`: a
        /// [`CustomerSize`](crate::CustomerSize).
        size: String = "size", with_size;
        /// People at the customer; at least one where Microsoft's help is wanted.
        team: [Member] = "team", with_team;
        /// Numbers under which the company is registered.
        ids: [CustomerId] = "ids", with_ids;
        /// Has Microsoft matched the customer with an account?
        is_matching_complete: bool = "isMatchingComplete";
        /// May purchases count towards the customer's commitment to spend on Azure?
        is_macc_eligible: bool = "isMaccEligible";
        /// Of a shape that is not published.
        activities: Box<RawValue> = "activities";
    }
}

impl CustomerProfile {
    /// A customer with its name and address.
    pub fn new(name: impl Into<String>, address: Address) -> Self {
        Self::default().with_name(name).with_address(address)
    }
}

wire_object! {
    /// The address of a customer.
    Address {
        /// Street and number.
        address_line1: String = "addressLine1", with_address_line1;
        /// More of the same.
        address_line2: String = "addressLine2", with_address_line2;
        /// Town.
        city: String = "city", with_city;
        /// State or province.
        state: String = "state", with_state;
        /// Postal code.
        postal_code: String = "postalCode", with_postal_code;
        /// Country, two letters (ISO 3166-1 alpha-2).
        country: String = "country", with_country;
        /// Region.
        region: String = "region", with_region;
    }
}

impl Address {
    /// An address in `country` (two letters).
    pub fn new(country: impl Into<String>) -> Self {
        Self::default().with_country(country)
    }
}

wire_object! {
    /// A person on a team of the partner or of the customer.
    Member {
        /// Given name.
        first_name: String = "firstName", with_first_name;
        /// Family name.
        last_name: String = "lastName", with_last_name;
        /// Telephone number.
        phone_number: String = "phoneNumber", with_phone_number;
        /// E-mail address.
        email: String = "email", with_email;
        /// Title.
        title: String = "title", with_title;
        /// Address of the LinkedIn profile.
        linked_in_profile_url: String = "linkedInProfileUrl", with_linked_in_profile_url;
        /// How the person wants to hear from the service.
        contact_preference: ContactPreference = "contactPreference", with_contact_preference;
        /// What the service found out about the e-mail address of a lead.
        email_validation_status: ValidationStatus = "emailValidationStatus";
        /// What the service found out about the telephone number of a lead.
        phone_validation_status: ValidationStatus = "phoneValidationStatus";
    }
}

wire_object! {
    /// How a person wants to hear from the service.
    ContactPreference {
        /// Language and region, such as `en-gb`.
        locale: String = "locale", with_locale;
        /// Are messages unwanted?
        disable_notifications: bool = "disableNotifications", with_disable_notifications;
    }
}

impl Member {
    /// A person with what the portal asks for.
    pub fn new(
        first_name: impl Into<String>,
        last_name: impl Into<String>,
        phone_number: impl Into<String>,
        email: impl Into<String>,
    ) -> Self {
        Self::default()
            .with_first_name(first_name)
            .with_last_name(last_name)
            .with_phone_number(phone_number)
            .with_email(email)
    }
}

wire_object! {
    /// A number under which a customer is registered.
    CustomerId {
        /// Whose number it is.
        profile_type: CustomerIdType = "profileType", with_profile_type;
        /// The number.
        id: String = "id", with_id;
    }
}

wire_object! {
    /// What the parties have agreed to. All four are stated for a new deal.
    Consent {
        /// Personal data may be shared (the doubled "To" is the service's).
        share_info_with_others: bool =
            "consentToToShareInfoWithOthers", with_share_info_with_others;
        /// Microsoft and partners may make contact.
        contact: bool = "consentToContact", with_contact;
        /// Microsoft may contact the partners that are named.
        microsoft_to_contact_specific_partners: bool =
            "consentToMicrosoftToContactSpecificPartners",
            with_microsoft_to_contact_specific_partners;
        /// Microsoft's sellers may see the deal. Once given it cannot be taken back.
        share_with_microsoft_sellers: bool =
            "consentToShareReferralWithMicrosoftSellers", with_share_with_microsoft_sellers;
    }
}

wire_object! {
    /// The deal itself.
    Details {
        /// Free text; replaced as a whole.
        notes: String = "notes", with_notes;
        /// Value in `currency`. The service sends a number or a number as text.
        deal_value: Decimal = "dealValue", with_deal_value;
        /// Currency, three letters (ISO 4217).
        currency: String = "currency", with_currency;
        /// When the deal is expected to close.
        closing_date_time: DateTime<Utc> = "closingDateTime", with_closing_date_time;
        /// What the customer needs.
        requirements: Requirements = "requirements", with_requirements;
        /// What the customer did; undocumented.
        customer_action: String = "customerAction";
        /// Did the customer ask to be contacted?
        customer_requested_contact: bool = "customerRequestedContact";
        /// Level of incentive; undocumented.
        incentive_level: String = "incentiveLevel";
    }
}

wire_object! {
    /// How a party was invited. Fixed after the deal was first shared.
    InviteContext {
        /// Notes for the invited party.
        notes: String = "notes", with_notes;
        /// Help wanted from Microsoft.
        assistance_request_code: AssistanceRequestCode =
            "assistanceRequestCode", with_assistance_request_code;
        /// Partner id of the invited partner.
        invited_mpn_id: String = "invitedMpnId", with_invited_mpn_id;
        /// Who invites.
        invited_by: InvitedBy = "invitedBy", with_invited_by;
    }
}

wire_object! {
    /// An organization that invites.
    InvitedBy {
        /// Its id; `msft` for Microsoft.
        organization_id: String = "organizationId", with_organization_id;
        /// Its name.
        organization_name: String = "organizationName", with_organization_name;
    }
}

wire_object! {
    /// Whom or what a referral is addressed to.
    Target {
        /// What `id` names (`type` on the wire).
        target_type: TargetType = "type", with_target_type;
        /// Location, solution, or `msft` for Microsoft.
        id: String = "id", with_id;
    }
}

impl Target {
    /// The target `id` of kind `target_type`.
    pub fn new(target_type: TargetType, id: impl Into<String>) -> Self {
        Self::default().with_target_type(target_type).with_id(id)
    }

    /// Microsoft.
    pub fn microsoft() -> Self {
        Self::new(TargetType::BusinessProfileLocation, "msft")
    }
}

wire_object! {
    /// Ids of the deal in other systems.
    TrackingInfo {
        /// Microsoft's own CRM; filled once Microsoft accepts.
        microsoft_msx_id: String = "microsoftMsxId";
        /// Opportunity in Microsoft's CRM for the federal government of the United States.
        microsoft_us_fed_opportunity_id: String = "microsoftUSFedOpportunityId";
        /// Lead in the same.
        microsoft_us_fed_lead_id: String = "microsoftUSFedLeadId";
        /// Deal in the system before this one.
        migrated_psc_deal_id: String = "migratedPSCDealId";
        /// The partner's deal in the system before this one.
        migrated_psc_partner_deal_id: String = "migratedPSCPartnerDealId";
    }
}
