//! `cosell-sandbox`: the double of both services as a program.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use cosell_sandbox::{
    CLIENT_ID, CLIENT_SECRET, Options, Player, REFRESH_TOKEN, SandboxHandle, Script, TENANT,
    server::{Endpoints, ServeOptions, serve},
};

/// A local double of Partner Center referrals and Dataverse over HTTP.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// A TOML script of what the people on both sides do.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// First of five ports in a row; free ones are chosen otherwise.
    #[arg(long, value_name = "PORT")]
    port_base: Option<u16>,
    /// A PEM file of roots: webhooks are posted to receivers on https whose certificate leads to
    /// one of them.
    #[arg(long, value_name = "FILE")]
    receiver_roots: Option<PathBuf>,
    /// Serve over TLS; the certificate of the authority to trust is written to this file.
    #[arg(long, value_name = "FILE")]
    tls: Option<PathBuf>,
    /// Print one line of JSON with the addresses instead of the introduction.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("cosell-sandbox: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), String> {
    let script = match &arguments.script {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            let script = Script::parse(&text)
                .map_err(|error| format!("{} cannot be played:\n{error}", path.display()))?;
            Some(script)
        }
    };
    let sandbox = SandboxHandle::new(Options::default());
    let mut options = ServeOptions::default()
        .with_port_base(arguments.port_base)
        .with_tls(arguments.tls.is_some());
    if let Some(path) = &arguments.receiver_roots {
        let roots = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        options = options.with_receiver_roots(roots);
    }
    let running = serve(sandbox.clone(), options)
        .await
        .map_err(|error| format!("cannot be served: {error}"))?;
    if let (Some(path), Some(authority)) = (&arguments.tls, running.authority()) {
        std::fs::write(path, authority).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if arguments.json {
        println!(
            "{}",
            serde_json::json!({ "endpoints": running.endpoints() })
        );
    } else {
        introduce(running.endpoints());
    }
    let quiet = arguments.json;
    let play = async {
        if let Some(script) = script {
            play(&sandbox, script, quiet).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = play => {}
        stopped = tokio::signal::ctrl_c() => {
            stopped.map_err(|error| format!("cannot wait for Ctrl-C: {error}"))?;
        }
    }
    running.shutdown().await;
    Ok(())
}

/// Plays the script, looking twice a second for records that a step waits for.
async fn play(sandbox: &SandboxHandle, script: Script, quiet: bool) {
    const LONGEST_NAP: Duration = Duration::from_millis(500);
    const SHORTEST_NAP: Duration = Duration::from_millis(20);
    let mut player = Player::new(script, sandbox.now());
    while !player.finished() {
        for played in sandbox.with(|sandbox| player.play(sandbox)) {
            if quiet {
                continue;
            }
            let label = played
                .label
                .map(|label| format!(" ({label})"))
                .unwrap_or_default();
            match played.result {
                Ok(acted) => println!(
                    "step {}: {}{label} {}",
                    played.step,
                    played.action,
                    acted.id.unwrap_or_default()
                ),
                Err(message) => println!(
                    "step {}: {}{label} failed: {message}",
                    played.step, played.action
                ),
            }
        }
        let until = player
            .next_due()
            .and_then(|due| (due - sandbox.now()).to_std().ok())
            .unwrap_or_default();
        tokio::time::sleep(until.clamp(SHORTEST_NAP, LONGEST_NAP)).await;
    }
    if !quiet {
        println!("script ended; the sandbox goes on");
    }
}

fn introduce(at: &Endpoints) {
    let Endpoints {
        sign_in,
        partner_center,
        dataverse,
        webhooks,
        control,
        ..
    } = at;
    println!(
        "\
cosell-sandbox: Partner Center and Dataverse on this machine. Ctrl-C ends it; nothing is kept.

  sign-in         {sign_in}
  Partner Center  {partner_center}
  Dataverse       {dataverse}
  webhooks        {webhooks}
  control         {control}

  tenant          {TENANT}
  client id       {CLIENT_ID}
  client secret   {CLIENT_SECRET}
  refresh token   {REFRESH_TOKEN}   (referrals user, role ReferralsAdmin)

List referrals:

  PC=$(curl -s {sign_in}/{TENANT}/oauth2/v2.0/token \\
    -d grant_type=refresh_token -d client_id={CLIENT_ID} -d client_secret={CLIENT_SECRET} \\
    -d refresh_token={REFRESH_TOKEN} \\
    --data-urlencode 'scope=https://api.partner.microsoft.com/.default offline_access' \\
    | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')
  curl -s -H \"Authorization: Bearer $PC\" {partner_center}/v1.0/engagements/referrals

List opportunities:

  CRM=$(curl -s {sign_in}/{TENANT}/oauth2/v2.0/token \\
    -d grant_type=client_credentials -d client_id={CLIENT_ID} -d client_secret={CLIENT_SECRET} \\
    --data-urlencode 'scope={dataverse}/.default' \\
    | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')
  curl -s -H \"Authorization: Bearer $CRM\" '{dataverse}/api/data/v9.2/opportunities?$select=name'

Lose the answer of the next write to Dataverse, then see what was asked:

  curl -s {control}faults -d '{{\"services\":[\"dataverse\"],\"method\":\"POST\",\"fault\":{{\"kind\":\"lose_answer\",\"at\":\"after_effect\"}}}}'
  curl -s {control}log
"
    );
}
