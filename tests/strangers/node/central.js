// noble as a central, told on its command line whom to visit: finds, reads, writes, hears; each step is a line said.
'use strict';

const noble = require('@stoprocent/noble');

const [name, service, value, text] = process.argv.slice(2);

function say(word, what) {
  console.log(JSON.stringify([word, what]));
}

function once(emitter, event) {
  return new Promise((resolve) => emitter.once(event, resolve));
}

function found() {
  return new Promise((resolve) => {
    noble.on('discover', (peripheral) => {
      if (peripheral.advertisement.localName === name) resolve(peripheral);
    });
  });
}

async function main() {
  await noble.waitForPoweredOnAsync();
  const discovery = found();
  await noble.startScanningAsync([], true);
  const peripheral = await discovery;
  say('found', peripheral.address);
  await noble.stopScanningAsync();
  await peripheral.connectAsync();
  const { services, characteristics } = await peripheral.discoverAllServicesAndCharacteristicsAsync();
  say('services', services.map((each) => each.uuid));
  const characteristic = characteristics.find((each) => each.uuid === value && each._serviceUuid === service);
  say('properties', characteristic.properties);
  say('read', (await characteristic.readAsync()).toString());
  await characteristic.writeAsync(Buffer.from(text), false);
  say('written', text);
  const news = once(characteristic, 'data');
  await characteristic.subscribeAsync();
  say('subscribed', true);
  say('heard', (await news).toString());
  const long = await characteristic.readAsync();
  say('long', long.length);
  await characteristic.unsubscribeAsync();
  await peripheral.disconnectAsync();
  say('left', true);
  process.exit(0);
}

main().catch((error) => {
  say('failed', String(error.stack));
  process.exit(1);
});
