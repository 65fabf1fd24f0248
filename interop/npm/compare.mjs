// So many creates, then so many reads, one after the other; prints the seconds of both.
import { client } from './sandbox.mjs';

const count = Number(process.argv[2]);
const api = client();
await api.callFunction('WhoAmI');
const ids = [];
const begun = performance.now();
for (let n = 0; n < count; n++) {
  ids.push(await api.create({ collection: 'opportunities', data: { name: `Deal ${n}`, estimatedvalue: n, description: 'Made to be counted' } }));
}
const made = performance.now();
for (const key of ids) await api.retrieve({ collection: 'opportunities', key, select: ['name', 'estimatedvalue'] });
console.log((made - begun) / 1000, (performance.now() - made) / 1000);
