//! The kernels' own tests, which their agents run.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{Booted, soon};

use crate::arceos;
use crate::kernel::Kernel;
use crate::{BOOTLOADER, CORTEX_M, UEFI};

/// Runs each test of a kernel, one that must panic last. Of those that end the kernel there is at most one.
fn all_pass(kernel: &Kernel) -> Result<()> {
    let Booted { mut agent, guest: _guest } = kernel.boot()?;
    let info = agent.execute("nanoqga-test-info", json!({}), soon())?;
    let list = agent.execute("nanoqga-test-list", json!({}), soon())?;
    let mut tests = list.as_array().context("nanoqga-test-list returned no list")?.clone();
    ensure!(tests.len() >= 3 && info["tests"] == tests.len(), "{info} is not of {list}");
    tests.sort_by_key(|test| test["should-panic"].is_string());
    for test in &tests {
        for case in cases(test) {
            let mut arguments = json!({"name": test["name"], "digest": info["digest"], "seed": 7});
            case.into_iter().for_each(|case| arguments["case"] = case.into());
            let result = agent.execute("nanoqga-test-run", arguments, soon())?;
            match test["should-panic"].as_str() {
                None => ensure!(result["outcome"] == "passed" || result["outcome"] == "skipped", "{test}: {result}"),
                Some(text) => {
                    let message = result["message"].as_str().unwrap_or_default();
                    ensure!(result["outcome"] == "panicked" && message.contains(text), "{test}: {result}");
                }
            }
        }
    }
    Ok(())
}

/// The cases of a test: one without a number, if it has none.
fn cases(test: &Value) -> Vec<Option<u64>> {
    test["cases"].as_u64().map_or_else(|| vec![None], |count| (0..count).map(Some).collect())
}

macro_rules! of {
    ($($name:ident: $kernel:expr;)*) => {$(
        #[test]
        fn $name() -> Result<()> {
            all_pass(&$kernel)
        }
    )*};
}

of! {
    cortex_m_tested: Kernel { name: "cortex-m-tested", ..CORTEX_M };
    uefi_tested: Kernel { name: "uefi-tested", ..UEFI };
    bootloader_tested: Kernel { name: "bootloader-tested", ..BOOTLOADER };
    arceos_tested: Kernel { name: "arceos-tested", ..arceos::AARCH64 };
}
