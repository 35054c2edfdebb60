//! Users and programs, of which the appliance has none. It has the commands because hosts need them: KubeVirt asks who is logged
//! in, and Ansible does not use an agent without `guest-exec`, not even to send a file.

use nanoqga::commands::exec::{Exec, Program, Status, Stream};
use nanoqga::commands::user::{User, Users};
use nanoqga::{Cause, Failure};

use crate::guest::Guest;
use crate::state::Appliance;

impl Users for Guest<Appliance> {
    fn user(&mut self, _: usize) -> Result<Option<User<'_>>, Failure> {
        Ok(None)
    }
}

impl Exec for Guest<Appliance> {
    fn spawn(&mut self, _: Program<'_>, _: &mut Cause) -> Result<i64, Failure> {
        Err(Failure("this guest runs no programs"))
    }

    fn status(&mut self, _: i64) -> Result<Option<Status>, Failure> {
        Ok(None)
    }

    fn output(&mut self, _: i64, _: Stream, _: usize, _: &mut [u8]) -> usize {
        0
    }

    fn forget(&mut self, _: i64) {}
}
