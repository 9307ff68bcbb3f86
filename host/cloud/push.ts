// Messages to devices by MQTT: those that were just handed a task are told to check in. They say nothing else, and without them the
// same happens at the devices' next check-ins; so what cannot be sent is counted and dropped.

import type { MqttClient } from "mqtt"
import type { Logger } from "pino"
import { PUSH_IN_FLIGHT_MAX, PUSH_QUEUE_MAX, PUSH_RECONNECT_S } from "./limits"

/** What became of the messages of one process. */
export interface PushCounts {
    /** Taken by the broker. */
    sent: number
    /** Not sent: too many waited, or the broker did not take them. */
    dropped: number
    /** Waiting now, those on their way included. */
    waiting: number
    isConnected: boolean
}

/** Sends messages. */
export interface Pusher {
    /** Tells devices to check in, soon and if it can be done. */
    tell(devices: readonly string[]): void
    counts(): PushCounts
    /** Drops what waits. */
    close(): Promise<void>
}

/** Ids that would make more than one topic of a device's; it has a topic of its own then (docs/configuration.md), and is not told. */
const NO_TOPIC = /[+#]/

/** The topic on which a device listens. */
export function topicOf(device: string): string {
    return `otary/${device}/checkin`
}

function connect(url: string): MqttClient {
    // Loaded when it is needed: most clouds have no broker.
    const mqtt = require("mqtt") as typeof import("mqtt")
    return mqtt.connect(url, { reconnectPeriod: PUSH_RECONNECT_S * 1000, resubscribe: false })
}

/** Starts to send to the broker at `url` (`mqtt://` or `mqtts://`, with user and password where it wants some); it may be away for now. */
export function startPusher(url: string, log: Logger): Pusher {
    const client = connect(url)
    const broker = new URL(url).host
    const queue: string[] = []
    let inFlight = 0
    let sent = 0
    let dropped = 0
    let isAway = false
    const pump = (): void => {
        while (client.connected && inFlight < PUSH_IN_FLIGHT_MAX && queue.length > 0) {
            inFlight += 1
            client.publish(topicOf(queue.shift()!), "", { qos: 1 }, error => {
                inFlight -= 1
                if (error) dropped += 1
                else sent += 1
                pump()
            })
        }
    }
    client.on("connect", () => {
        isAway = false
        log.info({ broker }, "connected to the MQTT broker")
        pump()
    })
    const away = (error?: Error): void => {
        if (!isAway) log.warn({ broker, err: error }, "the MQTT broker is away; devices check in by themselves meanwhile")
        isAway = true
    }
    client.on("error", away)
    client.on("offline", () => away())
    return {
        tell(devices) {
            for (const device of devices) {
                if (queue.length >= PUSH_QUEUE_MAX || NO_TOPIC.test(device)) dropped += 1
                else queue.push(device)
            }
            pump()
        },
        counts: () => ({ sent, dropped, waiting: queue.length + inFlight, isConnected: client.connected }),
        async close() {
            client.removeAllListeners("offline")
            await client.endAsync(true)
        },
    }
}
