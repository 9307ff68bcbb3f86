// The same scenario file played with one and with three cloud processes gives the same events, and the events rebuild the state.
//
// What is compared: of each device, and of the rollouts, all events with their times and what they tell, in their order; how many
// of each type there are; and how the rollouts end. The order between the events of two devices is not compared: nothing fixes it,
// since processes work beside each other. Where a pace decides who comes first the devices come one after the other
// (fleet.json5); where nothing does, all at once (crowd.json5).

import { play, readScenario } from "./play"

test.each(["fleet", "crowd"])(
    "%s: one process and three give the same events",
    async name => {
        const scenario = readScenario(name)
        const [one, three] = [await play(scenario, 1), await play(scenario, 3)]
        expect(one.events.size).toBe(scenario.devices + 1)
        expect(one.rollouts[1]).toContain('"state":"finished","outcome":"success"')
        expect(one.replayed).toEqual(one.kept)
        expect(three.replayed).toEqual(new Map([...three.kept]))
        expect(three.rollouts).toEqual(one.rollouts)
        expect(three.totals).toEqual(one.totals)
        expect(three.events).toEqual(one.events)
    },
    240_000,
)
