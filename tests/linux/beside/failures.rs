//! Failures that name what failed.

use anyhow::{Result, ensure};
use serde_json::json;

use super::Pair;
use crate::inside::refused;

#[test]
fn what_cannot_be_frozen_is_named_alike() -> Result<()> {
    let mut pair = Pair::start_powerless()?;
    pair.same("guest-fsfreeze-freeze", json!({}))?;
    pair.same("guest-fsfreeze-status", json!({})).map(drop)
}

#[test]
fn a_user_whose_password_cannot_be_set_is_named() -> Result<()> {
    let mut pair = Pair::start_powerless()?;
    let arguments = json!({"username": "no-such-user", "password": "", "crypted": false});
    let text = refused(&mut pair.ours.client, "guest-set-user-password", &arguments)?;
    ensure!(
        text.starts_with(
            "child process has failed to set user password: user 'no-such-user': cannot lock /etc/.pwd.lock: "
        ),
        "{text}"
    );
    Ok(())
}

#[test]
fn a_user_who_is_not_known_is_named_alike() -> Result<()> {
    let mut pair = Pair::start_powerless()?;
    for agent in [&mut pair.ours, &mut pair.reference] {
        let text = refused(&mut agent.client, "guest-ssh-get-authorized-keys", &json!({"username": "no-such-user"}))?;
        ensure!(text.starts_with("failed to lookup user 'no-such-user': "), "{text}");
    }
    Ok(())
}
