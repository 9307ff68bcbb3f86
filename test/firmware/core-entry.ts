// Everything of the core that tests call, as one entry: bundled and evaluated anew for every boot.

export * as bootRecord from "../../firmware/boot-record"
export * as boot from "../../firmware/boot"
export * as commit from "../../firmware/commit"
export * as files from "../../firmware/files"
export * as filesLog from "../../firmware/files-log"
export * as notices from "../../firmware/notices"
export * as running from "../../firmware/running"
export * as signals from "../../firmware/signals"
export * as updater from "../../firmware/updater"
export { portsInstall } from "../../firmware/ports"
