//! Who is at the end of a channel, and what they may do (protocol section 8).
//!
//! The home of a channel knows its credential: there messages get the proven identity, and there a token that renews it is
//! taken out. Every shard knows what the credential allows: there dialogs begin.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jsip::{Message, Method, Request, Response, StatusCode, Uri, UserId};
use jsip_stack::{Channel, DialogKey, Transmit};
use strowger_auth::{Act, Class, Credential, Denied, Grants, Refused, token};
use strowger_channel::{ChannelId, ConnId, NameTaken};
use strowger_time::Instant;

use crate::dispatch::RETRY_AFTER;
use crate::distribution::Choice;
use crate::effect::Token;
use crate::shard::{channel_id, home_of_channel, stack_channel};
use crate::{Effect, Mail, Shard};

/// The header that a service takes the proven identity from.
const IDENTITY: &str = "P-Asserted-Identity";
/// The header with a token, in a REGISTER that renews a credential (RFC 8898).
const AUTHORIZATION: &str = "Authorization";
/// The header that a REFER names its target in.
const REFER_TO: &str = "Refer-To";

/// Names a question whether a token is good, for giving the answer back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenewalTicket {
    channel: Channel,
    dialog: DialogKey,
}

/// What users may do, and which of them are renewing their credential.
#[derive(Debug, Default)]
pub(crate) struct Rights {
    /// Of those channels that may not do everything.
    grants: BTreeMap<Channel, Arc<Grants>>,
    /// One at a time for each channel of this shard.
    renewals: BTreeMap<Channel, DialogKey>,
}

impl Rights {
    pub(crate) fn set(&mut self, channel: Channel, grants: Option<Arc<Grants>>) {
        match grants {
            Some(grants) => self.grants.insert(channel, grants),
            None => self.grants.remove(&channel),
        };
    }

    pub(crate) fn forget(&mut self, channel: Channel) {
        self.grants.remove(&channel);
        self.renewals.remove(&channel);
    }
}

/// What a REGISTER with a token is.
enum Renewal {
    /// From a user to himself: the node answers it.
    Own(UserId, String),
    /// Anything else: it goes nowhere, lest somebody else read the token.
    Astray,
}

impl Shard {
    /// A socket was accepted for this name, whose home this shard is, and its peer has proven who it is.
    ///
    /// # Errors
    ///
    /// [`NameTaken`]; nothing has changed then.
    pub fn admit(
        &mut self,
        now: Instant,
        name: UserId,
        conn: ConnId,
        credential: &Credential,
    ) -> Result<ChannelId, NameTaken> {
        let channel = self.channels.admit(now, name, conn, credential)?;
        self.tell_rights(now, stack_channel(channel), credential);
        Ok(channel)
    }

    /// A token was looked at for [`Effect::Renew`].
    pub fn renewed(&mut self, now: Instant, ticket: RenewalTicket, result: Result<Credential, Refused>) {
        let RenewalTicket { channel, dialog } = ticket;
        // Where the channel is gone, or its dialog, nobody waits for an answer.
        if self.rights.renewals.get(&channel) != Some(&dialog) {
            return;
        }
        self.rights.renewals.remove(&channel);
        let credential = match result {
            Ok(credential) if self.channels.renew(now, channel_id(channel), &credential) => credential,
            Ok(_) => return self.refuse_renewal(now, dialog, &Refused::NotYours),
            Err(refused) => return self.refuse_renewal(now, dialog, &refused),
        };
        self.tell_rights(now, channel, &credential);
        self.stack.answer_first(now, dialog, StatusCode::OK, |response| {
            if let Some(valid_for) = credential.valid_for {
                // Expire has a meaning in requests only, so here it is an extension; a number is always JSON.
                let _ = response.set_extension("Expire", &valid_for.as_secs().to_string());
            }
        });
    }

    fn refuse_renewal(&mut self, now: Instant, dialog: DialogKey, refused: &Refused) {
        let (code, retry_after) = match refused.class() {
            Class::Unauthenticated => (StatusCode::UNAUTHORIZED, None),
            Class::Forbidden => (StatusCode::FORBIDDEN, None),
            Class::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Some(RETRY_AFTER)),
        };
        let reason = refused.to_string();
        self.stack.reject(now, dialog, code, &reason, retry_after);
    }

    /// Tells every shard what the user of a channel may do, where that is not everything or was not.
    fn tell_rights(&mut self, now: Instant, channel: Channel, credential: &Credential) {
        let grants = &credential.grants;
        if grants.is_none() && !self.rights.grants.contains_key(&channel) {
            return;
        }
        for shard in 0..self.shards {
            self.post(now, shard, Mail::Rights(channel, grants.clone()));
        }
    }

    /// Puts the proven identity of a channel's user on a message, in place of whatever it says.
    pub(crate) fn assert_identity(&self, channel: Channel, message: &mut Message) {
        let Some(identity) = self.channels.identity(channel_id(channel)) else {
            return;
        };
        let headers = message.headers_mut();
        // To a reader who does not mind case it would be the header itself.
        let is_alike = |(name, _): &(&str, &str)| name.eq_ignore_ascii_case(IDENTITY);
        let alike: Vec<String> = headers
            .extensions()
            .filter(is_alike)
            .map(|(name, _)| name.to_owned())
            .collect();
        for name in alike {
            headers.remove_extension(&name);
        }
        headers.set_asserted_identity(identity.as_str());
    }

    /// Whether a request has a token in it and so must be answered at the home of its channel.
    pub(crate) fn has_token(&self, channel: Channel, request: &Request) -> bool {
        request.method() == Method::Register
            && home_of_channel(channel) == self.shard
            && request.extension(AUTHORIZATION).is_some()
            && self.channels.identity(channel_id(channel)).is_some()
    }

    /// Answers a first request that has a token in it.
    pub(crate) fn renew(&mut self, now: Instant, dialog: DialogKey, channel: Channel, request: &Request) {
        let (name, token) = match self.renewal(channel, request) {
            Renewal::Own(name, token) => (name, token),
            Renewal::Astray => {
                let reason = "Authorization: a token is for a REGISTER to oneself, as \"Bearer TOKEN\"";
                return self
                    .stack
                    .reject(now, dialog, StatusCode::BAD_REQUEST, reason, None);
            }
        };
        if self.rights.renewals.contains_key(&channel) {
            let reason = "the token before this one is still looked at";
            let code = StatusCode::SERVICE_UNAVAILABLE;
            return self.stack.reject(now, dialog, code, reason, Some(RETRY_AFTER));
        }
        self.rights.renewals.insert(channel, dialog);
        self.effects.push_back(Effect::Renew {
            ticket: RenewalTicket { channel, dialog },
            name,
            token: Token(token),
        });
    }

    fn renewal(&self, channel: Channel, request: &Request) -> Renewal {
        let value = request.extension_str(AUTHORIZATION);
        let shown = value.as_deref().and_then(token::bearer);
        let name = self.channels.user(channel_id(channel));
        let uri = Uri::parse(request.request_uri()).ok();
        let addressee = uri.and_then(|uri| UserId::from_uri(&uri).ok());
        match (shown, name) {
            (Some(token), Some(name))
                if addressee.as_ref() == Some(name) && request.first_route().is_none() =>
            {
                Renewal::Own(name.clone(), token.to_owned())
            }
            _ => Renewal::Astray,
        }
    }

    /// Whether the user of a channel may begin a dialog with whatever a request leads to.
    pub(crate) fn permit(&self, channel: Channel, request: &Request, choice: &Choice) -> Result<(), Denied> {
        let Some(grants) = self.rights.grants.get(&channel) else {
            return Ok(());
        };
        let service = match choice {
            Choice::Service(service) => self.registry.name(*service),
            Choice::Relation(relation) => {
                let owner = self.instances.by_relation(relation);
                match owner.and_then(|owner| self.instances.get(owner)) {
                    Some(running) => &running.kind.name,
                    None => return Ok(()),
                }
            }
            // There is nothing to begin it with.
            Choice::BadRoute(_) | Choice::NoService(_) => return Ok(()),
        };
        let act = if self.config.room_services.contains(&service.to_ascii_lowercase()) {
            Some(Act::Room)
        } else {
            match request.method() {
                Method::Invite => Some(Act::Call),
                Method::Message => Some(Act::Message),
                _ => None,
            }
        };
        let routes = request.route().unwrap_or_default().split(',').map(str::trim);
        let uris = routes
            .filter(|uri| !uri.is_empty())
            .chain([request.request_uri()]);
        grants.permit(service, act, uris.map(host_of))
    }

    /// Refuses a REFER to where its sender may not call: what carries it out would call there in his place.
    pub(crate) fn refuse_refer(&mut self, now: Instant, channel: Channel, request: &Request) -> bool {
        let Some(grants) = self.rights.grants.get(&channel) else {
            return false;
        };
        if request.method() != Method::Refer {
            return false;
        }
        let target = request.extension_str(REFER_TO).unwrap_or(Cow::Borrowed(""));
        let Err(denied) = grants.permit_call_to(host_of(target.trim())) else {
            return false;
        };
        let mut response = Response::to(request, StatusCode::FORBIDDEN);
        response.set_reason(&denied.to_string());
        self.counters.forbidden += 1;
        self.transmit(now, channel, Transmit::stateless(response));
        true
    }
}

/// The host of a URI; nothing, which no grant covers, where it is none.
fn host_of(uri: &str) -> &str {
    Uri::parse(uri).map_or("", |uri| uri.host())
}
