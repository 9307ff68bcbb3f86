// Everything of the core that is fuzzed, the agent with it, as one entry: evaluated anew for every input.

export * as agent from "../../firmware/agent"
export * as boot from "../../firmware/boot"
export * as bootRecord from "../../firmware/boot-record"
export * as files from "../../firmware/files"
export * as manifest from "../../firmware/manifest"
export * as running from "../../firmware/running"
export * as signature from "../../firmware/signature"
export * as updater from "../../firmware/updater"
export * as zip from "../../firmware/zip"
export { portsInstall } from "../../firmware/ports"
