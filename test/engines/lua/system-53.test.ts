// Splits, files, boots and LMS: the core's suites on Debian's lua5.3, where it is installed.

import { runSystemSuites } from "./system-suite"

jest.setTimeout(120_000)

runSystemSuites("5.3", () => {
    require("../../firmware/boot.test")
    require("../../firmware/files.test")
    require("../../firmware/updater.test")
})
