//! How a guest goes down whose first process is the agent.
