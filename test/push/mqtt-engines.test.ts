// MQTT on the engines against the contract of the port: NodeMCU's module as emulated, and the real Espruino.

import { join } from "node:path"
import { makeFolder } from "../board/board-fixture"
import { describeEspruino } from "../engines/espruino/real"
import { mqttSuite, programText } from "./mqtt-suite"
import { runOnEspruino, runOnLuaMachine } from "./programs"

const home = makeFolder()
afterAll(() => home.remove())

const LATER_LUA = `tmr.create().alarm(100, tmr.ALARM_SINGLE, again)`
const LUA_TIMER = `interface Timer { alarm(ms: number, mode: number, run: (this: void) => void): void }
declare const tmr: { ALARM_SINGLE: number; create(this: void): Timer }
`

for (const version of ["5.1", "5.3"] as const) {
    mqttSuite(`NodeMCU on Lua ${version}`, async (port, keepaliveS) =>
        runOnLuaMachine(version, LUA_TIMER + programText("nodemcu", port, keepaliveS, LATER_LUA)),
    )
}

describeEspruino("on the real engine", () => {
    let runs = 0
    const timer = "declare const setTimeout: (run: () => void, delayMs: number) => number\n"
    mqttSuite("Espruino", (port, keepaliveS) => {
        runs += 1
        return runOnEspruino(
            join(home.path, `run-${runs}`),
            timer + programText("espruino", port, keepaliveS, "setTimeout(again, 100)"),
        )
    })
})
