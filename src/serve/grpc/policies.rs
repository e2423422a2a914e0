//! `PolicyService`: the policies there are, whether a text is one, and what one says of an operation. Nothing is recorded or changed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::decision::decision;
use super::policy_service_server::PolicyService;
use crate::encode::proto::{
    self, DecideRequest, DecideResponse, GetPolicyRequest, GetPolicyResponse, ListPoliciesRequest, ListPoliciesResponse,
    PolicyInfo, PolicyProblem, ValidatePolicyRequest, ValidatePolicyResponse,
};
use crate::event::Event;
use crate::policy::{MAX_TEXT_BYTES, Policy, PolicyError, Variables, is_gated};
use crate::runtime::{clock, ids};

/// The name of the policy that is part of the program.
const BUILT_IN: &str = "built-in";

/// Where policies are.
#[derive(Clone, Debug)]
pub struct PolicyFolder {
    /// The folder of `NAME.yaml` files, if there is one.
    pub dir: Option<PathBuf>,
    /// Name of the policy that sessions get unless they ask for another.
    pub default: String,
    /// What `${…}` stands for where a caller says nothing else.
    pub variables: Variables,
}

/// Answers from a folder of policies, which is read anew for each call.
#[derive(Clone)]
pub struct PoliciesApi {
    folder: Arc<PolicyFolder>,
}

/// Why there is no policy.
#[derive(Debug, thiserror::Error)]
enum LookupError {
    #[error("`{0}` is no name of a policy: write the file's name without folder and without `.yaml`")]
    BadName(String),
    #[error("there is no policy `{0}`: ListPolicies names those there are")]
    Missing(String),
    #[error("the policy `{name}` cannot be read: {source}")]
    Unreadable { name: String, source: io::Error },
    #[error(transparent)]
    Invalid(#[from] Box<PolicyError>),
}

impl From<LookupError> for Status {
    fn from(error: LookupError) -> Self {
        let text = error.to_string();
        match error {
            LookupError::BadName(_) => Status::invalid_argument(text),
            LookupError::Missing(_) => Status::not_found(text),
            LookupError::Unreadable { .. } => Status::unavailable(text),
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

impl PolicyFolder {
    /// Names in the folder, in order.
    fn names(&self) -> io::Result<Vec<String>> {
        let Some(dir) = &self.dir else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            let is_policy = path.extension().is_some_and(|end| end == "yaml");
            if let Some(name) = path.file_stem().and_then(|name| name.to_str()).filter(|name| is_policy && is_name(name)) {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// The text of a policy and where it is.
    fn text(&self, name: &str) -> Result<(String, String), LookupError> {
        if name == BUILT_IN {
            return Ok((Policy::built_in_text().to_owned(), BUILT_IN.to_owned()));
        }
        if !is_name(name) {
            return Err(LookupError::BadName(name.to_owned()));
        }
        let path = self.dir.as_ref().map(|dir| dir.join(format!("{name}.yaml")));
        let Some(path) = path else { return Err(LookupError::Missing(name.to_owned())) };
        match read_bounded(&path) {
            Ok(text) => Ok((text, path.display().to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(LookupError::Missing(name.to_owned())),
            Err(source) => Err(LookupError::Unreadable { name: name.to_owned(), source }),
        }
    }

    fn compiled(&self, name: &str, variables: &Variables) -> Result<Policy, LookupError> {
        let name = if name.is_empty() { &self.default } else { name };
        let (text, source) = self.text(name)?;
        Policy::parse_and_compile(&source, &text, variables).map_err(|error| LookupError::Invalid(Box::new(error)))
    }

    /// What can be said of a policy; one that does not compile has no rules.
    fn info(&self, name: &str, text: &str, source: &str) -> PolicyInfo {
        let compiled = Policy::parse_and_compile(source, text, &self.variables).ok();
        let mut info = compiled.as_ref().map_or_else(PolicyInfo::default, info);
        name.clone_into(&mut info.name);
        source.clone_into(&mut info.source);
        info.is_default = name == self.default;
        info
    }
}

fn info(policy: &Policy) -> PolicyInfo {
    PolicyInfo {
        name: policy.name().to_owned(),
        digest: policy.digest().to_owned(),
        source: policy.source().to_owned(),
        rules: u32::try_from(policy.rule_count()).unwrap_or(u32::MAX),
        is_default: false,
    }
}

/// Whether the name is that of a file in the folder and of nothing else.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !name.starts_with('.') && !name.contains(['/', '\0']) && !name.ends_with(".yaml")
}

/// The text of a regular file, as long as a policy may be.
fn read_bounded(path: &Path) -> io::Result<String> {
    use std::io::Read as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    // Opening a pipe would otherwise wait until somebody writes to it.
    let file = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    let limit = u64::try_from(MAX_TEXT_BYTES).unwrap_or(u64::MAX);
    // One byte more, so that a text that is too long is found to be so.
    file.take(limit.saturating_add(1)).read_to_string(&mut text)?;
    Ok(text)
}

fn problem(error: &PolicyError) -> PolicyProblem {
    let (line, column) = error.place().map_or((0, 0), |place| (place.line, place.column));
    PolicyProblem { message: error.problem().to_string(), line, column, help: error.problem().advice() }
}

#[tonic::async_trait]
impl PolicyService for PoliciesApi {
    async fn list_policies(&self, _: Request<ListPoliciesRequest>) -> Result<Response<ListPoliciesResponse>, Status> {
        self.read(|folder| {
            let unreadable = |error: io::Error| Status::unavailable(format!("policies.dir cannot be read: {error}"));
            let mut policies = vec![folder.info(BUILT_IN, Policy::built_in_text(), BUILT_IN)];
            for name in folder.names().map_err(unreadable)? {
                // One that cannot be read is there all the same.
                let (text, source) = folder.text(&name).unwrap_or_default();
                policies.push(folder.info(&name, &text, &source));
            }
            Ok(ListPoliciesResponse { policies })
        })
        .await
    }

    async fn get_policy(&self, request: Request<GetPolicyRequest>) -> Result<Response<GetPolicyResponse>, Status> {
        let name = request.into_inner().name;
        self.read(move |folder| {
            let name = if name.is_empty() { &folder.default } else { &name };
            let (text, source) = folder.text(name)?;
            Ok(GetPolicyResponse { policy: Some(folder.info(name, &text, &source)), text })
        })
        .await
    }

    async fn validate_policy(&self, request: Request<ValidatePolicyRequest>) -> Result<Response<ValidatePolicyResponse>, Status> {
        let text = request.into_inner().text;
        self.read(move |folder| {
            Ok(match Policy::parse_and_compile("text", &text, &folder.variables) {
                Ok(policy) => ValidatePolicyResponse { valid: true, policy: Some(info(&policy)), problems: Vec::new() },
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
