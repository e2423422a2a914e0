//! `PolicyService`: the policies there are, whether a text is one, and what one says of an operation. Nothing is recorded or changed.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::decision::decision;
use super::policy_service_server::PolicyService;
use crate::encode::proto::{
    self, DecideRequest, DecideResponse, GetPolicyRequest, GetPolicyResponse, ListPoliciesRequest, ListPoliciesResponse,
    PolicyInfo, PolicyProblem, ValidatePolicyRequest, ValidatePolicyResponse,
};
use crate::event::Event;
use crate::policy::{Policy, PolicyError, is_gated};
use crate::runtime::{clock, ids};
use crate::serve::policies::{LookupError, PolicyFacts, PolicyFolder};

/// Answers from a folder of policies, which is read anew for each call.
#[derive(Clone)]
pub struct PoliciesApi {
    folder: Arc<PolicyFolder>,
}

impl From<LookupError> for Status {
    fn from(error: LookupError) -> Self {
        let text = error.to_string();
        match error {
            LookupError::BadName(_) => Status::invalid_argument(text),
            LookupError::Missing(_) => Status::not_found(text),
            LookupError::Folder(_) | LookupError::Unreadable { .. } => Status::unavailable(text),
            LookupError::Invalid(_) => Status::failed_precondition(text),
        }
    }
}

impl PoliciesApi {
    /// Answers from `folder`.
    #[must_use]
    pub fn new(folder: PolicyFolder) -> Self {
        Self { folder: Arc::new(folder) }
    }

    /// Runs what reads files on a thread that may wait.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&PolicyFolder) -> Result<T, Status> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let folder = Arc::clone(&self.folder);
        let done = tokio::task::spawn_blocking(move || work(&folder));
        done.await.map_err(|_panic| Status::internal("the policy could not be looked at"))?.map(Response::new)
    }
}

fn info(facts: PolicyFacts) -> PolicyInfo {
    let PolicyFacts { name, digest, source, rules, is_default } = facts;
    PolicyInfo { name, digest, source, rules, is_default }
}

fn problem(error: &PolicyError) -> PolicyProblem {
    let (line, column) = error.place().map_or((0, 0), |place| (place.line, place.column));
    PolicyProblem { message: error.problem().to_string(), line, column, help: error.problem().advice() }
}

#[tonic::async_trait]
impl PolicyService for PoliciesApi {
    async fn list_policies(&self, _: Request<ListPoliciesRequest>) -> Result<Response<ListPoliciesResponse>, Status> {
        self.read(|folder| Ok(ListPoliciesResponse { policies: folder.list()?.into_iter().map(info).collect() })).await
    }

    async fn get_policy(&self, request: Request<GetPolicyRequest>) -> Result<Response<GetPolicyResponse>, Status> {
        let name = request.into_inner().name;
        self.read(move |folder| {
            let (facts, text) = folder.policy(&name)?;
            Ok(GetPolicyResponse { policy: Some(info(facts)), text })
        })
        .await
    }

    async fn validate_policy(&self, request: Request<ValidatePolicyRequest>) -> Result<Response<ValidatePolicyResponse>, Status> {
        let text = request.into_inner().text;
        self.read(move |folder| {
            Ok(match Policy::parse_and_compile("text", &text, &folder.variables) {
                Ok(policy) => {
                    ValidatePolicyResponse { valid: true, policy: Some(info(PolicyFacts::of(&policy))), problems: Vec::new() }
                }
                Err(error) => ValidatePolicyResponse { valid: false, policy: None, problems: vec![problem(&error)] },
            })
        })
        .await
    }

    async fn decide(&self, request: Request<DecideRequest>) -> Result<Response<DecideResponse>, Status> {
        let DecideRequest { policy, text, operation, variables } = request.into_inner();
        let mut operation = operation.ok_or_else(|| Status::invalid_argument("operation: it is missing"))?;
        // Nothing of it is recorded, so a caller need not make these up.
        if operation.id.is_empty() {
            operation.id = ids::event_id(clock::now()).to_string();
        }
        if operation.severity == 0 {
            operation.severity = proto::Severity::Informational.into();
        }
        let operation: Event =
            proto::to_event(operation).map_err(|error| Status::invalid_argument(format!("operation: {error}")))?;
        if !is_gated(operation.kind()) {
            let kind = operation.kind().as_str();
            return Err(Status::invalid_argument(format!("operation: a `{kind}` is nothing that can be refused")));
        }
        if !policy.is_empty() && !text.is_empty() {
            return Err(Status::invalid_argument("give `policy` or `text`, not both"));
        }
        self.read(move |folder| {
            let known = folder.variables.clone();
            let variables =
                variables.iter().fold(known, |known, (name, value)| known.with(name, crate::event::OsText::from(value.as_str())));
            let policy = if text.is_empty() {
                folder.compiled(&policy, &variables)?
            } else {
                Policy::parse_and_compile("text", &text, &variables)
                    .map_err(|error| Status::invalid_argument(format!("text: {error}")))?
            };
            let judgement = policy.decide(&operation);
            Ok(DecideResponse {
                decision: decision(judgement.decision).into(),
                rule: judgement.rule.as_deref().map(str::to_owned),
                reason: judgement.reason.to_string(),
                policy_digest: policy.digest().to_owned(),
            })
        })
        .await
    }
}
