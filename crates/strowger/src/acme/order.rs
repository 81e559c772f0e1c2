//! One order: the account, the challenges, the certificate.

use std::io;
use std::time::Duration;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use serde::{Deserialize, Serialize};
use strowger_channel::net::{ChallengeAnswer, Identity, IdentityError};

use super::Acme;
use super::http::Https;

/// How long the authority may take to look, and to sign.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(120));

/// Why a certificate was not issued.
#[derive(Debug, thiserror::Error)]
pub(super) enum OrderError {
    /// The authority refuses, cannot be reached, or is not understood.
    #[error("{0}")]
    Authority(#[from] instant_acme::Error),
    /// The authority does not look at this listener.
    #[error("the authority does not offer tls-alpn-01 for {0}")]
    NoChallenge(String),
    /// The authority has looked and is not content.
    #[error("{0}: {1}")]
    NotAuthorized(String, String),
    /// An answer cannot be made.
    #[error("cannot answer: {0}")]
    Answer(#[from] rcgen::Error),
    /// What was issued cannot be kept.
    #[error("cannot be kept: {0}")]
    Files(#[from] io::Error),
    /// What was issued cannot be shown, or an answer cannot.
    #[error("{0}")]
    Unusable(#[from] IdentityError),
    /// It took too long.
    #[error("timed out")]
    TimedOut,
}

/// An account as it is kept. Its key is the credential.
#[derive(Serialize, Deserialize)]
struct Kept {
    directory: String,
    credentials: AccountCredentials,
}

/// The account at the authority; made, and kept, if there is none there yet.
pub(super) async fn account(acme: &Acme) -> Result<Account, OrderError> {
    let builder = Account::builder_with_http(Box::new(Https(acme.dial.clone())));
    let kept = acme.cache.account().await.ok();
    let kept = kept.and_then(|text| serde_json::from_str::<Kept>(&text).ok());
    if let Some(kept) = kept.filter(|kept| kept.directory == acme.directory) {
        return Ok(builder.from_credentials(kept.credentials).await?);
    }
    let contact: Vec<&str> = acme.contact.as_deref().into_iter().collect();
    let account = NewAccount {
        contact: &contact,
        // Whoever names domains agrees, as the reference of the configuration says.
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let (account, credentials) = builder.create(&account, acme.directory.clone(), None).await?;
    let kept = Kept {
        directory: acme.directory.clone(),
        credentials,
    };
    let text = serde_json::to_string(&kept).map_err(io::Error::from)?;
    acme.cache.keep_account(text).await?;
    Ok(account)
}

/// Orders a certificate, has `identity` answer the challenges meanwhile, and gives key and chain as PEM.
pub(super) async fn certificate(
    account: &Account,
    domains: &[String],
    identity: &Identity,
) -> Result<String, OrderError> {
    let names: Vec<_> = domains.iter().cloned().map(Identifier::Dns).collect();
    let mut order = account.new_order(&NewOrder::new(&names)).await?;
    answer(&mut order, identity).await?;
    if order.poll_ready(&PATIENCE).await? != OrderStatus::Ready {
        return Err(complaint(&mut order).await?);
    }
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&PATIENCE).await?;
    Ok(format!("{}\n{chain}", key.trim_end()))
}

/// Answers whatever the authority wants to see, then says so.
async fn answer(order: &mut Order, identity: &Identity) -> Result<(), OrderError> {
    let mut answers = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status != AuthorizationStatus::Pending {
            // One of an earlier order may hold on; one that does not shows in the order.
            continue;
        }
        let host = authorization.identifier().to_string();
        let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
        let mut challenge = challenge.ok_or_else(|| OrderError::NoChallenge(host.clone()))?;
        answers.push(certificate_of(
            host,
            challenge.key_authorization().digest().as_ref(),
        )?);
        identity.answer(answers.clone())?;
        challenge.set_ready().await?;
    }
    Ok(())
}

/// The certificate that answers a challenge. RFC 8737 §3.
fn certificate_of(host: String, digest: &[u8]) -> Result<ChallengeAnswer, OrderError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([host.clone()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key)?;
    Ok(ChallengeAnswer {
        host,
        certificate: certificate.der().to_vec(),
        key: key.serialize_der(),
    })
}

/// What the authority says of an order that has failed.
async fn complaint(order: &mut Order) -> Result<OrderError, OrderError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let state = authorization.refresh().await?;
        let host = state.identifier().to_string();
        let problem = state
            .challenges
            .iter()
            .find_map(|challenge| challenge.error.as_ref());
        if let Some(problem) = problem {
            return Ok(OrderError::NotAuthorized(host, problem.to_string()));
        }
    }
    Ok(OrderError::NotAuthorized(
        "the order".to_owned(),
        "the authority does not say why it failed".to_owned(),
    ))
}
