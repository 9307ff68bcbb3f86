// The agent and what its tests look at, as one entry: bundled and evaluated anew for every boot.

export * as agent from "../../firmware/agent"
export * as agentState from "../../firmware/agent-state"
export * as api from "../../firmware/api"
export * as applyWindow from "../../firmware/apply-window"
export * as boot from "../../firmware/boot"
export * as commit from "../../firmware/commit"
export * as files from "../../firmware/files"
export * as running from "../../firmware/running"
export * as settings from "../../firmware/settings"
export * as signals from "../../firmware/signals"
export * as updater from "../../firmware/updater"
export { portsInstall } from "../../firmware/ports"
