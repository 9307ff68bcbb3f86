// MQTT of a host board over the package mqtt, one connection an object.

import type { MqttClient } from "mqtt"
import type { Bytes, Mqtt, MqttListener, MqttOptions } from "../../firmware/ports"

/** A listener that is told what messages say, as emulated modules need it. */
export interface HostMqttListener extends Omit<MqttListener, "onMessage"> {
    onMessage(this: void, topic: string, payload: Bytes): void
}

/** The port, with a listener that may be told more. */
export interface HostMqtt extends Omit<Mqtt, "connect"> {
    connect(this: void, options: MqttOptions, listener: HostMqttListener): void
}

/** Largest packet that a board takes, in bytes: small boards have no room for more. */
const PACKET_BYTES_MAX = 65536
/** Far above what the core waits for: its own timeout is the shorter one. */
const CONNECT_MS_MAX = 120_000
/** The return code of a subscription that was refused (MQTT 3.1.1, 3.9.3), and those above it. */
const REFUSED = 128

function start({ host, port, isSecure, clientId, user, password, keepaliveS }: MqttOptions): MqttClient {
    // Loaded when it is needed: most boards never are.
    const { connect } = require("mqtt") as typeof import("mqtt")
    return connect({
        host,
        port,
        protocol: isSecure ? "mqtts" : "mqtt",
        clientId,
        ...(user !== "" && { username: user }),
        ...(password !== "" && { password }),
        keepalive: keepaliveS,
        clean: false,
        reconnectPeriod: 0,
        connectTimeout: CONNECT_MS_MAX,
        resubscribe: false,
    })
}

/** Ends a connection whose packets grow beyond PACKET_BYTES_MAX; the package itself would take 256 MiB. */
function limitPackets(client: MqttClient): void {
    let packetBytes = 0
    client.on("packetreceive", () => void (packetBytes = 0))
    client.stream.on("data", (piece: Buffer) => {
        packetBytes += piece.length
        if (packetBytes > PACKET_BYTES_MAX) client.stream.destroy()
    })
}

/** Creates a client, not connected. */
export function createMqtt(): HostMqtt {
    let client: MqttClient | undefined
    const close = (): void => {
        client?.end(true)
        client = undefined
    }
    return {
        connect(options, listener) {
            close()
            const own = start(options)
            client = own
            const ended = (): void => {
                if (client !== own) return
                close()
                listener.onEnd()
            }
            limitPackets(own)
            // What went wrong shows in the end that follows.
            own.on("error", ended)
            own.on("close", ended)
            own.on("connect", () => client === own && listener.onConnect())
            own.on("message", (topic, payload) => client === own && listener.onMessage(topic, payload.toString("latin1")))
        },
        subscribe(topic) {
            const own = client
            own?.subscribe(topic, { qos: 1 }, (error, granted) => {
                const isRefused = error !== null || (granted ?? []).some(({ qos }) => qos >= REFUSED)
                if (isRefused && client === own) own.stream.destroy()
            })
        },
        close,
    }
}
