//! One run of one arm, in processes of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result, bail};

use super::experiment::Arm;
use super::{BenchArgs, Measured};
use crate::cluster::Place;

/// Runs it; what it made is thrown away.
pub(super) fn run(args: &BenchArgs, arm: &Arm) -> Result<Measured> {
    let folder = args.output.join(".run");
    remove(&folder)?;
    let place = (arm.processes > 1).then(Place::make).transpose()?;
    place.iter().try_for_each(|place| place.list(arm.processes))?;
    let mut processes = Vec::new();
    for process in 0..arm.processes {
        let measured = args.output.join(format!(".measured-{process}.json"));
        let mut command = batch(args, arm, &folder)?;
        command.args(place.iter().flat_map(|place| place.member(process))).arg("--measure").arg(&measured);
        processes.push((command.spawn().context("cannot start a run")?, measured));
    }
    let mut whole: Option<Measured> = None;
    for (process, measured) in processes {
        let share = ended(process, &measured).with_context(|| format!("a run of {}", arm.name()))?;
        match &mut whole {
            Some(whole) => whole.add(share),
            None => whole = Some(share),
        }
    }
    remove(&folder)?;
    whole.context("an arm has a process")
}

/// One of its processes, but for which.
fn batch(args: &BenchArgs, arm: &Arm, folder: &Path) -> Result<Command> {
    let program = std::env::current_exe().context("cannot find hark's own program file")?;
    let mut command = Command::new(program);
    command
        .arg("batch")
        .arg("--input")
        .arg(&args.input)
        .arg("--output")
        .arg(folder)
        .args(["--layout", &arm.path, "--workers", &arm.workers.to_string(), "--log", "json"])
        .args(["--arrivals", &args.arrivals, "--seed", &args.seed.to_string()])
        .args(arm.is_modelled().then_some("--allow-modelled"))
        .args(&args.more)
        .env("RUST_LOG", "error")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    Ok(command)
}

/// What a process measured, once it has ended. One that is lost takes the others of its cluster along.
fn ended(process: Child, measured: &PathBuf) -> Result<Measured> {
    let Output { status, stderr, .. } = process.wait_with_output().context("cannot wait for it")?;
    // 3: some episodes failed, as they may.
    if !matches!(status.code(), Some(0 | 3)) {
        let said = String::from_utf8_lossy(&stderr);
        let last: Vec<&str> = said.lines().rev().take(3).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        bail!("it ended with {status}: {}", last.join(" "));
    }
    let text = std::fs::read_to_string(measured).context("it left no measurement")?;
    std::fs::remove_file(measured).context("cannot remove a measurement")?;
    serde_json::from_str(&text).context("it left a measurement that cannot be read")
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
