// Runs a task with mqtt.js and prints what came: {modules, url, options, subscribe, publish, count}.
"use strict";
const path = require("path");
let text = "";
process.stdin.on("data", (part) => (text += part));
process.stdin.on("end", () => {
  const task = JSON.parse(text);
  const mqtt = require(path.join(task.modules, "mqtt"));
  const options = task.options || {};
  if (options.will) options.will.payload = Buffer.from(options.will.payload);
  const client = mqtt.connect(task.url, { reconnectPeriod: 0, ...options });
  const answer = { messages: [], published: 0 };
  let done = false;
  const finish = () => {
    if (!done && answer.messages.length >= task.count && answer.published >= task.publish.length) {
      done = true;
      client.end(false, () => process.stdout.write(JSON.stringify(answer)));
    }
  };
  client.on("connect", (connack) => {
    answer.sessionPresent = connack.sessionPresent;
    const go = () => {
      for (const each of task.publish) {
        client.publish(each.topic, Buffer.from(each.payload, "base64"), each.options || {}, (error) => {
          if (error) answer.error = String(error);
          answer.published += 1;
          finish();
        });
      }
      finish();
    };
    if (!task.subscribe) return go();
    client.subscribe(task.subscribe, task.subscribeOptions || {}, (error, granted) => {
      if (error) answer.error = String(error);
      answer.granted = granted;
      go();
    });
  });
  client.on("message", (topic, payload, packet) => {
    answer.messages.push({
      topic,
      payload: payload.toString("base64"),
      qos: packet.qos,
      retain: packet.retain,
      properties: packet.properties || {},
    });
    finish();
  });
  client.on("error", (error) => {
    process.stdout.write(JSON.stringify({ ...answer, error: String(error), code: error.code }));
    client.end(true);
    process.exit(0);
  });
});
