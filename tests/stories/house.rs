//! Where the relay of a story runs: as one process on this machine, or as functions of a deployment.

use crate::harness::{Project, Server, Webhooks};
use crate::on_aws::{Deployed, Stack};
use crate::outside::Outside;

/// Which of them.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// `deskwire serve`, on SQLite.
    Here,
    /// The functions of Lambda, on DynamoDB, SQS and Secrets Manager.
    Lambda,
}

/// It, running.
pub enum House {
    Here(Server),
    Lambda(Box<Stack>),
}

impl House {
    /// Everything that it has logged so far.
    pub fn said(&self) -> String {
        match self {
            Self::Here(server) => server.said(),
            Self::Lambda(stack) => stack.logs(),
        }
    }

    /// Switches the machine off and on again, or every function that runs.
    pub fn again(self, project: &Project) -> Self {
        match self {
            Self::Here(server) => {
                server.kill();
                Self::Here(project.serve())
            }
            Self::Lambda(stack) => {
                stack.kill_functions();
                Self::Lambda(stack)
            }
        }
    }

    /// Runs nothing any more. What is kept stays.
    pub fn rest(self) -> Option<Box<Stack>> {
        match self {
            Self::Here(server) => {
                server.stop();
                None
            }
            Self::Lambda(stack) => Some(stack),
        }
    }
}

impl Webhooks for House {
    fn address_of(&self, path: &str) -> String {
        match self {
            Self::Here(server) => server.url(path),
            Self::Lambda(stack) => format!("{}{path}", stack.door.url),
        }
    }
}

/// A project with this workflow, running, and stand-ins of the providers around it.
pub async fn world(place: Place, workflow: &str) -> (Outside, Project, House) {
    match place {
        Place::Here => {
            let outside = Outside::start().await;
            let project = Project::new(&outside.url).with_workflow("workflow.yaml", workflow);
            let server = project.serve();
            (outside, project, House::Here(server))
        }
        Place::Lambda => {
            let Deployed { outside, project, stack } = Deployed::with(workflow).await;
            (outside, project, House::Lambda(Box::new(stack)))
        }
    }
}
