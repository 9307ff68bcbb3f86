// The host's MQTT against the contract of the port, alone and as a board's boot hands it on.

import { createSession } from "../../host/board/session"
import { createRealClock } from "../../shims/host/clock"
import { createMqtt, type HostMqtt } from "../../shims/host/mqtt"
import { createHttp } from "../../shims/host/net"
import { type MqttProgram, mqttSuite, optionsFor } from "./mqtt-suite"

const AGAIN_MS = 100

async function start(port: number, keepaliveS: number, mqtt: HostMqtt): Promise<MqttProgram> {
    const events: string[] = []
    let timer: NodeJS.Timeout | undefined
    const again = (): void =>
        mqtt.connect(optionsFor(port, keepaliveS), {
            onConnect() {
                events.push("connect")
                mqtt.subscribe("otary/test")
            },
            onMessage: () => void events.push("message"),
            onEnd() {
                events.push("end")
                timer = setTimeout(again, AGAIN_MS)
            },
        })
    again()
    const stop = (): void => {
        clearTimeout(timer)
        mqtt.close()
    }
    return { events, stop }
}

mqttSuite("the host", (port, keepaliveS) => start(port, keepaliveS, createMqtt()))

mqttSuite("a board's boot", async (port, keepaliveS) => {
    const clock = createRealClock()
    const session = createSession({ clock, http: createHttp(clock) }, clock.upMs(), error => {
        throw error
    })
    const program = await start(port, keepaliveS, session.createMqtt())
    const stop = (): void => {
        program.stop()
        session.end()
    }
    return { ...program, stop }
})
