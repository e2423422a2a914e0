//! Who may call what: every route by the one table.

use agentsh::serve::auth::{Access, KeyFile, Keys, ROUTES, Role};

use super::rig::{journal, serve_with};
use crate::grpc::rig::make_key;

#[test]
fn every_route_takes_the_roles_of_the_table() {
    let (folder, journal) = journal();
    let file = KeyFile::at(folder.path().join("keys.json"));
    let keys: Vec<(Role, String)> =
        Role::ALL.into_iter().map(|role| (role, make_key(&file, role.as_str(), &[role], None))).collect();
    let served = serve_with(folder.path(), Keys::open(file).unwrap());
    for (method, path, access) in ROUTES {
        let concrete = path.replace("{seq}", "1").replace("{name}", "built-in").replace("{id}", "none");
        let without = served.ask(method, &concrete, &[]).status;
        let is_open = matches!(access, Access::Public | Access::Local(_));
        assert_eq!(without == 401, !is_open, "{method} {path} without a key: {without}");
        for (role, key) in &keys {
            let status = served.ask(method, &concrete, &[("x-api-key", key)]).status;
            let may = is_open || *role == Role::Admin || access.roles().is_none_or(|roles| roles.contains(*role));
            assert_eq!(status == 403, !may, "{method} {path} as {role:?}: {status}");
        }
    }
    served.stop();
    journal.close().unwrap();
}
