//! `strowger ua`: a user in the terminal.

use std::io::stdout;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use jsip::UserId;
use strowger::client::{Client, Handshake, Received, Server};
use strowger::ua::{Command, HELP, Reaction, UserAgent, show};
use strowger_admin::names::ServiceName;
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};

/// Who to be, and on which server.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The user: `alice@example.com`.
    #[arg(long = "as", value_name = "USERID", value_parser = UserId::new)]
    user: UserId,
    /// The server.
    #[arg(long, env = "STROWGER_URL", default_value = "ws://127.0.0.1:8080/rtc")]
    url: String,
    /// The token that proves it.
    #[arg(long, env = "STROWGER_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The service that calls and messages are for, instead of the server's default one.
    #[arg(long, value_name = "NAME", value_parser = service_name)]
    service: Option<String>,
    /// One command, such as `msg bob@example.com hello`: send it, show what is answered, and end.
    #[arg(value_name = "COMMAND", trailing_var_arg = true)]
    command: Vec<String>,
}

fn service_name(text: &str) -> Result<String, String> {
    let name = text.parse::<ServiceName>();
    name.map(|name| name.as_str().to_owned())
        .map_err(|error| error.to_string())
}

pub(in crate::cli) async fn run(arguments: Arguments) -> ExitCode {
    let seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |since| since.as_nanos() as u64);
    let mut client = match connect(&arguments).await {
        Ok(client) => client,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut agent = UserAgent::new(arguments.user.clone(), seed).with_service(arguments.service.clone());
    if !arguments.command.is_empty() {
        return once(client, agent, &arguments.command.join(" ")).await;
    }
    let prompt = arguments.user.as_str();
    let mut lines = BufReader::new(stdin()).lines();
    let mut shown = show(&mut stdout(), &[format!("connected; {HELP}")], prompt);
    while shown.is_ok() {
        let reaction = tokio::select! {
            received = client.receive() => match received {
                Received::Text(text) => agent.receive(&text),
                Received::Closed(code) => {
                    let code = code.map_or_else(|| "without a close frame".to_owned(), |code| format!("with {code}"));
                    println!("\rthe server closed the connection {code}");
                    return ExitCode::FAILURE;
                }
            },
            line = lines.next_line() => match line {
                Ok(Some(line)) => match Command::parse(&line) {
                    Ok(Some(Command::Quit)) => break,
                    Ok(Some(command)) => agent.command(command),
                    Ok(None) => Reaction::default(),
                    Err(help) => Reaction { send: Vec::new(), show: vec![help] },
                },
                Ok(None) | Err(_) => break,
            },
        };
        for message in reaction.send {
            if client.send(message).await.is_err() {
                println!("\rthe connection is gone");
                return ExitCode::FAILURE;
            }
        }
        shown = show(&mut stdout(), &reaction.show, prompt);
    }
    client.close().await;
    ExitCode::SUCCESS
}

/// Does one thing and waits for what is answered.
async fn once(mut client: Client, mut agent: UserAgent, line: &str) -> ExitCode {
    let mut reaction = match Command::parse(line) {
        Ok(Some(command @ Command::Message(..))) => agent.command(command),
        Ok(_) => {
            eprintln!("`{line}` cannot be done at once: only `msg USER TEXT` can");
            return ExitCode::FAILURE;
        }
        Err(help) => {
            eprintln!("{help}");
            return ExitCode::FAILURE;
        }
    };
    loop {
        for line in &reaction.show {
            println!("{line}");
        }
        for message in reaction.send {
            if client.send(message).await.is_err() {
                eprintln!("the connection is gone");
                return ExitCode::FAILURE;
            }
        }
        if !agent.is_waiting() {
            break;
        }
        reaction = match client.receive().await {
            Received::Text(text) => agent.receive(&text),
            Received::Closed(_) => {
                eprintln!("the server closed the connection");
                return ExitCode::FAILURE;
            }
        };
    }
    client.close().await;
    ExitCode::SUCCESS
}

async fn connect(arguments: &Arguments) -> Result<Client, String> {
    let server = Server::parse(&arguments.url).map_err(|error| error.to_string())?;
    let server = server.with_token(arguments.token.clone());
    let query = format!("userid={}", percent_encode(arguments.user.as_str()));
    match server.connect(&query).await {
        Ok(Handshake::Open(client)) => Ok(*client),
        Ok(Handshake::Refused { status, body, .. }) => Err(format!("refused with {status}: {body}")),
        Err(error) => Err(format!("{error}; is the server running? (strowger serve)")),
    }
}

/// Encodes what may not stand in a query.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
