// MQTT of a NodeMCU board over its module `mqtt`, which acknowledges messages itself.

import type { Mqtt, MqttListener, MqttOptions } from "../../firmware/ports"
import { mqtt, pcall, tmr, type MqttClient, type MqttModule } from "./modules"

/** The connection; held here, since the firmware holds it weakly. */
let client: MqttClient | undefined
let listener: MqttListener

function close(): void {
    const own = client
    client = undefined
    if (own !== undefined) own.close()
}

/** Two callbacks can tell of one end. */
function end(own: MqttClient): void {
    if (own !== client) return
    client = undefined
    listener.onEnd()
}

/** The broker keeps the session. Raises an error where the module does. */
function start(module: MqttModule, options: MqttOptions): void {
    const user = options.user === "" ? undefined : options.user
    const password = options.password === "" ? undefined : options.password
    const own = module.Client(options.clientId, options.keepaliveS, user, password, 0)
    const connected = (): void => {
        if (own === client) listener.onConnect()
    }
    client = own
    own.on("message", () => {
        if (own === client) listener.onMessage()
    })
    own.on("offline", () => end(own))
    own.connect(options.host, options.port, options.isSecure ? 1 : 0, connected, () => end(own))
}

function connect(options: MqttOptions, newListener: MqttListener): void {
    const module = mqtt
    close()
    listener = newListener
    if (module !== undefined && pcall(() => start(module, options))) return
    // The firmware has no such module, or the module refuses.
    client = undefined
    tmr.create().alarm(1, tmr.ALARM_SINGLE, () => listener.onEnd())
}

function subscribe(topic: string): void {
    if (client !== undefined) client.subscribe(topic, 1)
}

/** The port. */
export const mqttPort: Mqtt = { connect, subscribe, close }
