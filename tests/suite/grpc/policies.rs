//! `PolicyService`: what there is, what is wrong with a text, and what a policy says of an operation.

use agentsh::encode::proto::{
    self, DecideRequest, Decision, GetPolicyRequest, ListPoliciesRequest, ValidatePolicyRequest, ValidatePolicyResponse,
};
use agentsh::serve::auth::Keys;
use agentsh::serve::grpc::policy_service_client::PolicyServiceClient;
use tonic::Code;
use tonic::transport::Channel;

use super::rig::{Client, InProcess, POLICY, channel, open, runtime, soon, with_key};

async fn start() -> (InProcess, PolicyServiceClient<Client<Channel>>) {
    let rig = InProcess::start(Keys::none(), |_| {}).await;
    let client = PolicyServiceClient::new(with_key(channel(rig.addr()).await, None));
    (rig, client)
}

#[test]
fn the_folders_policies_and_the_built_in_one_are_listed_and_given_out() {
    runtime().block_on(async {
        let (rig, mut client) = start().await;
        let dir = rig.folder.path().join("policies");
        std::fs::write(dir.join("strict.yaml"), POLICY).unwrap();
        std::fs::write(dir.join("broken.yaml"), "version: 9\n").unwrap();
        std::fs::write(dir.join("notes.txt"), "no policy").unwrap();
        std::fs::write(dir.join(".hidden.yaml"), POLICY).unwrap();
        let listed = soon("listing", client.list_policies(ListPoliciesRequest {})).await.unwrap().into_inner().policies;
        let seen: Vec<_> = listed.iter().map(|info| (info.name.as_str(), info.rules > 0, info.is_default)).collect();
        assert_eq!(seen, [("built-in", true, true), ("broken", false, false), ("strict", true, false)]);

        let got = client.get_policy(GetPolicyRequest { name: "strict".to_owned() }).await.unwrap().into_inner();
        assert_eq!(got.text, POLICY);
        assert!(got.policy.unwrap().source.ends_with("/policies/strict.yaml"));
        let default = client.get_policy(GetPolicyRequest::default()).await.unwrap().into_inner();
        assert_eq!(default.policy.unwrap().source, "built-in");
        let missing = client.get_policy(GetPolicyRequest { name: "nothing".to_owned() }).await.unwrap_err();
        assert_eq!(missing.code(), Code::NotFound);
    });
}

#[test]
fn a_name_leads_nowhere_but_into_the_folder() {
    runtime().block_on(async {
        let (rig, mut client) = start().await;
        std::fs::write(rig.folder.path().join("outside.yaml"), POLICY).unwrap();
        for name in ["../outside", "/etc/passwd", "..", "a/../../outside", ".hidden", "strict.yaml", "x\0y"] {
            let refused = client.get_policy(GetPolicyRequest { name: name.to_owned() }).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument, "{name}");
            let decide = DecideRequest { policy: name.to_owned(), operation: Some(open("/x")), ..DecideRequest::default() };
            assert_eq!(client.decide(decide).await.unwrap_err().code(), Code::InvalidArgument, "{name}");
        }
        let fifo = rig.folder.path().join("policies/pipe.yaml");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        // Reading a pipe that nobody writes would never end.
        let Ok(answer) = tokio::time::timeout(std::time::Duration::from_secs(1), async {
            client.get_policy(GetPolicyRequest { name: "pipe".to_owned() }).await
        })
        .await
        else {
            panic!("a pipe was read")
        };
        assert_eq!(answer.unwrap_err().code(), Code::Unavailable);
    });
}

#[test]
fn a_text_is_validated_with_line_column_and_what_to_write_instead() {
    runtime().block_on(async {
        let (_rig, mut client) = start().await;
        let mut validate = async |text: &str| -> ValidatePolicyResponse {
            client.validate_policy(ValidatePolicyRequest { text: text.to_owned() }).await.unwrap().into_inner()
        };
        let good = validate(POLICY).await;
        assert!(good.valid && good.problems.is_empty() && good.policy.unwrap().rules == 1);
        let bad = validate("version: 1\nname: x\nfile_rule:\n  - name: y\n").await;
        assert!(!bad.valid && bad.policy.is_none());
        let problem = &bad.problems[0];
        assert_eq!((problem.line, problem.column), (3, 1), "{problem:?}");
        assert!(problem.message.contains("unknown key `file_rule`") && problem.help.contains("file_rules"), "{problem:?}");
    });
}

#[test]
fn an_operation_is_decided_by_name_or_by_text_and_nothing_is_recorded() {
    runtime().block_on(async {
        let (rig, mut client) = start().await;
        let before = rig.journal.head();
        let by_text =
            |path: &str| DecideRequest { text: POLICY.to_owned(), operation: Some(open(path)), ..DecideRequest::default() };
        let denied = client.decide(by_text("/secret/key")).await.unwrap().into_inner();
        assert_eq!((denied.decision(), denied.rule.as_deref()), (Decision::Deny, Some("keep-secrets")));
        assert_eq!(denied.policy_digest.len(), 64);
        assert_eq!(client.decide(by_text("/tmp/x")).await.unwrap().into_inner().decision(), Decision::Allow);

        std::fs::write(rig.folder.path().join("policies/mine.yaml"), POLICY.replace("/secret/", "${PLACE}/")).unwrap();
        let by_name = DecideRequest {
            policy: "mine".to_owned(),
            operation: Some(open("/elsewhere/x")),
            variables: [("PLACE".to_owned(), "/elsewhere".to_owned())].into(),
            ..DecideRequest::default()
        };
        assert_eq!(client.decide(by_name).await.unwrap().into_inner().decision(), Decision::Deny);

        let exit = proto::Event {
            payload: Some(proto::event::Payload::ProcessExit(proto::ProcessExit::default())),
            ..proto::Event::default()
        };
        for (request, reason) in [
            (DecideRequest::default(), "operation: it is missing"),
            (
                DecideRequest { operation: Some(exit), ..DecideRequest::default() },
                "a `process_exit` is nothing that can be refused",
            ),
            (DecideRequest { operation: Some(proto::Event::default()), ..DecideRequest::default() }, "`payload`"),
            (DecideRequest { policy: "x".to_owned(), ..by_text("/x") }, "not both"),
            (DecideRequest { text: "version: 2".to_owned(), operation: Some(open("/x")), ..DecideRequest::default() }, "text:"),
        ] {
            let refused = client.decide(request).await.unwrap_err();
            assert!(refused.code() == Code::InvalidArgument && refused.message().contains(reason), "{refused}");
        }
        rig.journal.flush();
        assert_eq!(rig.journal.head(), before);
    });
}
