# SPDX-License-Identifier: Apache-2.0
"""Pictures over HTTP as clients of the A1111 web UI and of stable-diffusion.cpp's jobs ask for them."""
import base64
import contextlib
import http.client
import json
import pathlib
import random
import re
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from image_server import INPUT, MODEL, PROMPT, ImageCase, picture, png, read_png, text_of  # noqa: E402
from running_server import Server, keeps_freed_memory  # noqa: E402

WEB_UI, JOBS = "/sdapi/v1/", "/sdcpp/v1/"
SMALL = {"prompt": PROMPT, "steps": 2, "width": 32, "height": 24, "seed": 5, "sampler_name": "Euler"}
INIT = base64.b64encode(INPUT.read_bytes()).decode() if INPUT.exists() else ""
CHANGE = {"prompt": PROMPT, "negative_prompt": "blurry", "init_images": [INIT], "steps": 8, "seed": 7, "width": 64, "height": 48,
          "sampler_name": "DDIM", "cfg_scale": 7.5}
# Requests that do not end by themselves.
LONG = SMALL | {"steps": 900, "width": 256, "height": 256}
LONG_JOB = {"prompt": PROMPT, "width": 256, "height": 256, "sample_params": {"sample_steps": 900}}
JOB = {"prompt": PROMPT, "width": 32, "height": 24, "seed": 5, "sample_params": {"sample_steps": 2, "sample_method": "euler"}}


def grey(value, width=64, height=48):
    return base64.b64encode(png(width, height, [bytes([value] * 3) * width] * height, colour=2)).decode()


def left_half(width=64, height=48):
    row = b"\xff" * (3 * (width // 2)) + b"\0" * (3 * (width - width // 2))
    return base64.b64encode(png(width, height, [row] * height, colour=2)).decode()


class WireCase(ImageCase):
    def get(self, path, status=200):
        got, body = self.server.request("GET", path)
        self.assertEqual(got, status, body)
        return json.loads(body)

    def refuse(self, path, body, words, status=422):
        answer = self.ask(path, body, status=status)
        self.assertIn(words, json.dumps(answer))
        return answer

    @contextlib.contextmanager
    def under_way(self, path, body):
        """The answer to a request that another thread waits for; a list that gets it."""
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.post(path, body)))
        thread.start()
        try:
            yield answers
        finally:
            thread.join(60)


class TextToImageTest(WireCase):
    def make(self, **more):
        return self.ask(WEB_UI + "txt2img", SMALL | more)

    def test_as_from_the_shell(self):
        answer = self.make()
        self.assertEqual(set(answer), {"images", "parameters", "info"})
        shell = self.shell("--prompt", PROMPT, "--steps", "2", "--size", "32x24", "--seed", "5", "--scheduler", "euler", "--guidance", "7")
        self.assertEqual([picture(image) for image in answer["images"]], [shell])
        self.assertEqual(answer["parameters"]["prompt"], PROMPT)
        self.assertEqual(answer["parameters"]["cfg_scale"], 7)
        info = json.loads(answer["info"])
        self.assertEqual((info["seed"], info["all_seeds"], info["sampler_name"], info["steps"]), (5, [5], "Euler", 2))
        self.assertEqual((info["sd_model_hash"], info["sd_model_name"]), ("", "sd_tiny"))
        self.assertEqual(info["infotexts"], [text_of(base64.b64decode(answer["images"][0]))])
        self.assertIn("Steps: 2, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 32x24", info["infotexts"][0])

    def test_batches_and_rounds(self):
        answer = self.make(batch_size=2, n_iter=2)
        self.assertEqual(json.loads(answer["info"])["all_seeds"], [5, 6, 7, 8])
        alone = [self.make(seed=seed)["images"][0] for seed in (5, 6, 7, 8)]
        self.assertEqual([picture(image) for image in answer["images"]], [picture(image) for image in alone])

    def test_a_seed_that_was_drawn_is_told(self):
        for seed in (-1, None):
            drawn = self.make(seed=seed)
            info = json.loads(drawn["info"])
            self.assertEqual(drawn["images"], self.make(seed=info["seed"])["images"])

    def test_samplers_make_what_the_shell_makes(self):
        for name, scheduler in (("DPM++ 2M Karras", "dpmpp_2m_karras"), ("PLMS", "pndm"), ("Heun", "heun"), ("Euler a", "euler_a")):
            made = picture(self.make(sampler_name=name, steps=4)["images"][0])
            shell = self.shell("--prompt", PROMPT, "--steps", "4", "--size", "32x24", "--seed", "5", "--scheduler", scheduler, "--guidance", "7")
            self.assertEqual(made, shell, name)
        karras, plain = (self.make(sampler_name="Euler", scheduler=scheduler, steps=4)["images"] for scheduler in ("Karras", "Automatic"))
        self.assertNotEqual(karras, plain)

    def test_settings(self):
        jpeg = self.make(override_settings={"samples_format": "jpg"})
        self.assertTrue(base64.b64decode(jpeg["images"][0]).startswith(b"\xff\xd8\xff"))
        plain, skipped = self.make(), self.make(override_settings={"CLIP_stop_at_last_layers": 2})
        self.assertNotEqual(plain["images"], skipped["images"])
        self.assertEqual(json.loads(skipped["info"])["clip_skip"], 2)
        named = self.make(override_settings={"sd_model_checkpoint": "sd_tiny.safetensors [0123abcd]"})
        self.assertEqual(plain["images"], named["images"])
        self.assertEqual(self.make(send_images=False)["images"], [])

    def test_what_a_client_cannot_see_is_told(self):
        info = json.loads(self.make(prompt="(cat:1.2) " * 40)["info"])
        self.assertEqual(len(info["warnings"]), 2, info["warnings"])

    def test_refusals(self):
        path = WEB_UI + "txt2img"
        for change, words, status in (
                ({"sampler_name": "DPM fast"}, "sampler_name", 404), ({"steps": 0}, "steps: ", 422), ({"steps": 10 ** 9}, "steps: ", 422),
                ({"width": 33}, "width: ", 422), ({"width": 1 << 19, "height": 1 << 19}, "width: ", 422), ({"cfg_scale": -1}, "cfg_scale: ", 422),
                ({"enable_hr": True}, "enable_hr: ", 422), ({"tiling": True}, "tiling: ", 422), ({"styles": ["a"]}, "styles: ", 422),
                ({"override_settings": {"sd_vae": "x"}}, "override_settings.sd_vae: ", 422),
                ({"prompt": "<lora:x:1>"}, "prompt: <lora:", 422),
                ({"clip_skip": 99}, "clip_skip: expected an integer in [1, 3], got 99", 422),
                ({"override_settings": {"CLIP_stop_at_last_layers": 99}}, "override_settings.CLIP_stop_at_last_layers: expected an integer in [1, 3], got 99", 422)):
            with self.subTest(change):
                answer = self.refuse(path, SMALL | change, words, status)
                self.assertEqual(set(answer), {"error", "detail", "body", "errors"})
                self.assertIn(words, answer["detail"])
        self.refuse(path, [], "object")
        status, body, _ = self.post(path, ("application/json", b"{"))
        self.assertEqual((status, set(json.loads(body))), (400, {"error", "detail", "body", "errors"}))
        self.assertEqual(set(self.get(WEB_UI + "nothing", 404)), {"error", "detail", "body", "errors"})


class ImageToImageTest(WireCase):
    def change(self, **more):
        return self.ask(WEB_UI + "img2img", CHANGE | more)

    def test_steps_are_counted_as_the_web_ui_does(self):
        for strength, steps in ((0.75, 7), (0.1, 1), (1, 8), (0, 1)):
            info = json.loads(self.change(denoising_strength=strength)["info"])
            self.assertEqual(info["steps_run"], steps, strength)

    def test_the_request_comes_back_without_its_image(self):
        answer = self.change()
        self.assertIsNone(answer["parameters"]["init_images"])
        self.assertEqual(self.change(include_init_images=True)["parameters"]["init_images"], [INIT])
        self.assertEqual(self.change(init_images=["data:image/png;base64," + INIT])["images"], answer["images"])
        self.assertIn("Denoising strength: 0.75", text_of(base64.b64decode(answer["images"][0])))

    def test_large_requests_at_a_time_leave_no_memory(self):
        rows = [random.Random(row).randbytes(3 * 600) for row in range(600)]
        large = CHANGE | {"init_images": [base64.b64encode(png(600, 600, rows, colour=2)).decode()], "steps": 1, "width": 32, "height": 24}
        before = self.server.resident_bytes()
        threads = [threading.Thread(target=self.ask, args=(WEB_UI + "img2img", large)) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not keeps_freed_memory():
            self.assertLess(self.server.resident_bytes() - before, 25_000_000)

    def test_sizes(self):
        made = {mode: picture(self.change(width=64, height=64, resize_mode=mode)["images"][0]) for mode in (0, 1, 2)}
        self.assertEqual({image[:2] for image in made.values()}, {(64, 64)})
        self.assertEqual(len({image[2] for image in made.values()}), 3)

    def test_masks(self):
        _, _, before = read_png(INPUT)
        masked = {"mask": left_half(), "mask_blur": 0, "inpaint_full_res": False, "inpainting_fill": 1}
        for invert in (0, 1):
            _, _, after = picture(self.change(**masked, inpainting_mask_invert=invert)["images"][0])
            rows = [(before[192 * y:192 * y + 192], after[192 * y:192 * y + 192]) for y in range(48)]
            self.assertTrue(all((old[96:] == new[96:]) == (invert == 0) for old, new in rows))
            self.assertTrue(all((old[:96] == new[:96]) == (invert == 1) for old, new in rows))
        filled = self.change(**masked | {"inpainting_fill": 0})["images"]
        self.assertNotEqual(filled, self.change(**masked)["images"])
        # By default the part around the mask is painted, and put back into the image's own size.
        width, height, after = picture(self.change(mask=left_half(), width=32, height=32)["images"][0])
        self.assertEqual((width, height), (64, 48))
        self.assertEqual([after[192 * y + 180:192 * y + 192] for y in range(48)], [before[192 * y + 180:192 * y + 192] for y in range(48)])

    def test_what_is_kept_for_the_end_is_counted_in_line(self):
        clients = []

        def begin(path, body, waiting):
            clients.append(http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20))
            clients[-1].request("POST", WEB_UI + path, json.dumps(body), {"Content-Type": "application/json"})
            self.wait_until(lambda: self.metric("minnow_image_requests_running") == 1)
            self.wait_until(lambda: self.metric("minnow_image_requests_waiting") == waiting)

        used = lambda: self.metric("minnow_memory_used_bytes")  # noqa: E731
        begin("txt2img", LONG, 0)
        before = used()
        large = CHANGE | {"init_images": [grey(9, 1000, 1000)], "mask": grey(255, 1000, 1000)}
        begin("img2img", large, 1)
        self.wait_until(lambda: used() - before < 6_000_000)  # once it is prepared
        self.assertGreater(used() - before, 4_000_000)
        for client in reversed(clients):
            client.close()
        self.wait_until(lambda: self.metric("te_queue_size") == 0)

    def test_refusals(self):
        path = WEB_UI + "img2img"
        for change, words, status in (
                ({"init_images": None}, "init_images", 404), ({"init_images": []}, "init_images", 404),
                ({"init_images": ["!"]}, "init_images[0]: ", 422), ({"init_images": ["AAEC"]}, "init_images[0]: ", 422),
                ({"init_images": ["http://127.0.0.1/x.png"]}, "init_images[0]: ", 422), ({"denoising_strength": 1.5}, "denoising_strength: ", 422),
                ({"mask": "AAEC"}, "mask: ", 422), ({"mask": grey(0)}, "mask: ", 422), ({"resize_mode": 3}, "resize_mode: ", 422),
                ({"mask": grey(255), "inpainting_fill": 2}, "inpainting_fill: ", 422)):
            with self.subTest(str(change)[:60]):
                self.refuse(path, CHANGE | change, words, status)


class WebUiStateTest(WireCase):
    def progress(self):
        return self.get(WEB_UI + "progress")

    def test_idle(self):
        progress = self.progress()
        self.assertEqual((progress["progress"], progress["eta_relative"], progress["current_image"]), (0, 0, None))
        self.assertEqual((progress["state"]["job_count"], progress["state"]["sampling_steps"]), (0, 0))
        self.assertEqual(self.ask(WEB_UI + "interrupt", {}), {})
        self.assertEqual(self.ask(WEB_UI + "skip", {}), {})

    def test_progress_and_interrupt(self):
        with self.under_way(WEB_UI + "txt2img", LONG) as answers:
            self.wait_until(lambda: self.progress()["state"]["sampling_step"] > 0)
            progress = self.progress()
            self.assertLess(0, progress["progress"])
            self.assertGreater(progress["eta_relative"], 0)
            self.assertEqual((progress["state"]["job"], progress["state"]["job_count"]), ("scripts_txt2img", 1))
            self.assertRegex(progress["state"]["job_timestamp"], r"^\d{14}$")
            begin = time.monotonic()
            self.ask(WEB_UI + "interrupt", {})
            self.wait_until(lambda: answers)
            self.assertLess(time.monotonic() - begin, 15)
        status, body, _ = answers[0]
        answer = json.loads(body)
        self.assertEqual((status, answer["images"], json.loads(answer["info"])["interrupted"]), (200, [], True))
        self.assertEqual(self.progress()["progress"], 0)

    def test_previews(self):
        with self.under_way(WEB_UI + "txt2img", LONG | {"width": 64, "height": 64, "steps": 60}):
            self.wait_until(lambda: self.progress()["current_image"] or self.progress()["state"]["job_count"] == 0)
            seen = self.progress()
            if seen["current_image"]:
                self.assertEqual(picture(seen["current_image"])[:2], (32, 32))
            self.assertIsNone(self.get(WEB_UI + "progress?skip_current_image=true")["current_image"])
            self.ask(WEB_UI + "interrupt", {})

    def test_skip_goes_on_with_the_next_round(self):
        with self.under_way(WEB_UI + "txt2img", LONG | {"n_iter": 2}) as answers:
            for job_no in (0, 1):
                self.wait_until(lambda: (lambda s: s["job_no"] == job_no and s["sampling_step"] > 0)(self.progress()["state"]))
                self.ask(WEB_UI + "skip", {})
        status, body, _ = answers[0]
        self.assertEqual((status, json.loads(body)["images"]), (200, []))

    def test_a_client_that_leaves(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        connection.request("POST", WEB_UI + "txt2img", json.dumps(LONG), {"Content-Type": "application/json"})
        self.wait_until(lambda: self.progress()["state"]["sampling_step"] > 0)
        connection.close()
        self.wait_until(lambda: self.progress()["state"]["job_count"] == 0)

    def test_lists(self):
        samplers = self.get(WEB_UI + "samplers")
        self.assertIn({"name": "Euler a", "aliases": ["k_euler_a"], "options": {}}, samplers)
        for sampler in samplers:
            self.ask(WEB_UI + "txt2img", SMALL | {"sampler_name": sampler["name"]})
        self.assertEqual({entry["label"] for entry in self.get(WEB_UI + "schedulers")}, {"Automatic", "Uniform", "Karras", "Normal"})
        self.assertEqual([entry["title"] for entry in self.get(WEB_UI + "sd-models")], ["sd_tiny"])
        self.assertEqual(self.get(WEB_UI + "scripts"), {"txt2img": [], "img2img": []})
        self.assertEqual(self.get(WEB_UI + "upscalers")[0]["name"], "None")
        self.assertGreater(self.get(WEB_UI + "memory")["ram"]["used"], 0)
        for name in ("loras", "sd-vae", "prompt-styles", "embeddings", "cmd-flags", "hypernetworks", "face-restorers", "extensions"):
            self.get(WEB_UI + name)

    def test_options(self):
        self.assertEqual(self.get(WEB_UI + "options")["sd_model_checkpoint"], "sd_tiny")
        self.assertIsNone(self.ask(WEB_UI + "options", {"sd_model_checkpoint": "sd_tiny", "samples_save": False}))
        self.refuse(WEB_UI + "options", {"CLIP_stop_at_last_layers": 2}, "CLIP_stop_at_last_layers: ")
        self.refuse(WEB_UI + "options", {"unheard_of": 2}, "unheard_of: ")
        self.refuse(WEB_UI + "options", [], "object")

    def test_png_info(self):
        made = self.ask(WEB_UI + "txt2img", SMALL | {"negative_prompt": "blurry"})
        info = self.ask(WEB_UI + "png-info", {"image": made["images"][0]})
        self.assertEqual(info["info"], json.loads(made["info"])["infotexts"][0])
        self.assertEqual((info["parameters"]["Prompt"], info["parameters"]["Negative prompt"]), (PROMPT, "blurry"))
        self.assertEqual((info["parameters"]["Seed"], info["parameters"]["Size-1"]), ("5", "32"))
        self.assertEqual(info["items"], {"parameters": info["info"]})
        self.assertEqual(self.ask(WEB_UI + "png-info", {"image": INIT})["info"], "")
        self.refuse(WEB_UI + "png-info", {"image": "AAEC"}, "image: ")
        self.refuse(WEB_UI + "png-info", {}, "is missing")


class JobsTest(WireCase):
    def start(self, body):
        status, answer, _ = self.post(JOBS + "img_gen", body)
        self.assertEqual(status, 202, answer)
        job = json.loads(answer)
        self.assertEqual((job["kind"], job["status"], job["poll_url"]), ("img_gen", "queued", JOBS + "jobs/" + job["id"]))
        return job

    def status(self, job, status=200):
        return self.get(job["poll_url"], status)

    def cancel(self, job, status=200):
        return self.ask(job["poll_url"] + "/cancel", {}, status=status)

    def finish(self, body):
        job = self.start(body)
        self.wait_until(lambda: self.status(job)["status"] not in ("queued", "generating"))
        return self.status(job)

    def events_of(self, job):
        """[(event, data)] until the stream ends."""
        _, body = self.server.request("GET", job["poll_url"] + "/events")
        return [(event, json.loads(data)) for event, data in re.findall(r"event: (\w+)\ndata: (.*)\n\n", body.decode())]

    def test_a_job_makes_what_the_shell_makes(self):
        job = self.finish(JOB | {"batch_count": 2})
        self.assertEqual(job["status"], "completed", job)
        self.assertIsNone(job["error"])
        self.assertLessEqual(job["created"], job["started"])
        self.assertLessEqual(job["started"], job["completed"])
        self.assertEqual((job["queue_position"], job["result"]["output_format"]), (0, "png"))
        images = job["result"]["images"]
        self.assertEqual([(image["index"], image["seed"]) for image in images], [(0, 5), (1, 6)])
        self.assertEqual(picture(images[0]["b64_json"]), self.shell("--prompt", PROMPT, "--steps", "2", "--size", "32x24", "--seed", "5",
                                                                    "--scheduler", "euler", "--guidance", "7"))
        self.assertEqual(text_of(base64.b64decode(images[0]["b64_json"])), images[0]["parameters"])

    def test_images_and_masks(self):
        body = {"prompt": PROMPT, "init_image": INIT, "seed": 7, "strength": 0.75, "sample_params": {"sample_steps": 8}}
        job = self.finish(body)
        self.assertEqual((job["result"]["width"], job["result"]["height"], job["progress"]["steps"]), (64, 48, 8), job)
        masked = self.finish(body | {"mask_image": "data:image/png;base64," + left_half()})
        self.assertNotEqual(masked["result"]["images"][0]["b64_json"], job["result"]["images"][0]["b64_json"])
        webp = self.finish(body | {"output_format": "webp", "embed_image_metadata": False})
        self.assertTrue(base64.b64decode(webp["result"]["images"][0]["b64_json"]).startswith(b"RIFF"))

    def test_events(self):
        job = self.start(JOB | {"width": 64, "height": 64, "sample_params": {"sample_steps": 12, "sample_method": "ddim"}})
        events = self.events_of(job)
        names = [name for name, _ in events]
        self.assertEqual(names[-1], "completed")
        self.assertLessEqual(set(names), {"queued", "progress", "completed"})
        steps = [data["step"] for name, data in events if name == "progress"]
        self.assertEqual(steps, sorted(steps))
        for name, data in events:
            if name == "progress":
                self.assertEqual(data["steps"], 12)
                self.assertEqual(data["eta_ms"] is None, data["step"] == 0)
            if "preview" in data:
                self.assertEqual(picture(data["preview"])[:2], (32, 32))
        self.assertNotIn("b64_json", events[-1][1]["result"]["images"][0])
        self.assertEqual([name for name, _ in self.events_of(job)], ["completed"])

    def test_cancel_in_every_state(self):
        running = self.start(LONG_JOB)
        self.wait_until(lambda: self.status(running)["progress"]["step"] > 0)
        waiting = self.start(LONG_JOB)
        self.assertEqual(self.status(waiting)["queue_position"], 1)
        self.assertEqual(self.cancel(waiting)["status"], "cancelled")
        self.assertEqual(self.cancel(running)["error"]["code"], "cancelled")
        self.assertEqual(self.cancel(running)["status"], "cancelled")
        self.assertEqual([name for name, _ in self.events_of(running)], ["cancelled"])
        begin = time.monotonic()
        done = self.finish(JOB)
        self.assertLess(time.monotonic() - begin, 30)
        self.assertEqual(self.cancel(done | {"poll_url": JOBS + "jobs/" + done["id"]}, status=409), {"error": "the job has ended"})

    def test_the_line_is_as_long_as_it_says(self):
        running = self.start(LONG_JOB)
        self.wait_until(lambda: self.status(running)["status"] == "generating")
        waiting = [self.start(JOB) for _ in range(64)]
        self.assertEqual(self.status(waiting[-1])["queue_position"], 64)
        status, body, headers = self.post(JOBS + "img_gen", JOB)
        self.assertEqual(status, 429, body)
        self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        for job in [*waiting, running]:
            self.cancel(job)
        self.wait_until(lambda: self.metric("te_queue_size") == 0)
        self.assertEqual(self.finish(JOB)["status"], "completed")

    def test_events_of_a_job_that_moves_up(self):
        running = self.start(LONG_JOB)
        self.wait_until(lambda: self.status(running)["status"] == "generating")
        before, job = self.start(LONG_JOB), self.start(LONG_JOB)
        self.wait_until(lambda: self.status(job)["queue_position"] == 2)
        with self.server.connect() as client:
            client.settimeout(60)
            client.sendall(f"GET {job['poll_url']}/events HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            heard = b""

            def wait_for(event):
                nonlocal heard
                while event not in heard:
                    more = client.recv(4096)
                    self.assertTrue(more, heard)
                    heard += more
            wait_for(b'{"queue_position":2}')
            self.cancel(before)
            wait_for(b'{"queue_position":1}')
        for one in (running, job):
            self.cancel(one)

    def test_events_of_a_job_that_is_cancelled(self):
        job = self.start(LONG_JOB)
        events = []
        reader = threading.Thread(target=lambda: events.extend(self.events_of(job)))
        reader.start()
        self.wait_until(lambda: self.status(job)["progress"]["step"] > 0)
        self.cancel(job)
        reader.join(20)
        self.assertEqual(events[-1][0], "cancelled")

    def test_a_name_that_the_client_gives(self):
        name = "job_" + "0123456789abcdef" * 2
        job = self.start(LONG_JOB | {"id": name})
        self.assertEqual(job["id"], name)
        self.refuse(JOBS + "img_gen", LONG_JOB | {"id": name}, "id: there is such a job")
        self.refuse(JOBS + "img_gen", LONG_JOB | {"id": "mine"}, "id: expected")
        self.assertEqual(self.ask(JOBS + f"jobs/{name}/cancel", {})["status"], "cancelled")

    def test_a_client_that_leaves_does_not_end_its_job(self):
        job = self.start(JOB)
        with self.server.connect() as client:
            client.sendall(f"GET {job['poll_url']}/events HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            client.recv(16)
        self.wait_until(lambda: self.status(job)["status"] == "completed")

    def test_refusals(self):
        for body, words in (
                ({"width": 33, "height": 24}, "width: "), ({"sample_params": {"sample_steps": 10 ** 9}}, "sample_params.sample_steps: "),
                ({"sample_params": {"sample_method": "tcd"}}, "sample_params.sample_method: is not supported; known: default, dpmpp_2m, euler_a, "),
                ({"sample_params": {"scheduler": "sgm", "sample_method": "euler"}}, "sample_params.scheduler: is not supported; known: default, discrete, karras"),
                ({"sample_params": {"scheduler": "karras", "sample_method": "euler_a"}}, "sample_params.scheduler: "), ({"prompt": "<lora:x:1>"}, "prompt: <lora:"), ({"lora": [{"path": "x"}]}, "lora: "),
                ({"init_image": "!"}, "init_image: "), ({"batch_count": 99}, "batch_count: "), ({"clip_skip": 99}, "clip_skip: "),
                ({"sample_params": {"guidance": {"txt_cfg": -1}}}, "sample_params.guidance.txt_cfg: ")):
            with self.subTest(body):
                self.refuse(JOBS + "img_gen", JOB | body, words)
        self.refuse(JOBS + "img_gen", [], "object")
        self.refuse(JOBS + "img_gen", JOB | {"model": "\ud83d"}, "model: ")
        failed = self.finish(JOB | {"init_image": base64.b64encode(b"no picture").decode()})
        self.assertEqual((failed["status"], failed["error"]["code"]), ("failed", "invalid_request"))
        self.assertTrue(failed["error"]["message"].startswith("init_image: "), failed)
        for path in ("jobs/job_0", "jobs/job_0/events"):
            self.assertEqual(self.get(JOBS + path, 404), {"error": "job not found"})
        self.assertEqual(self.ask(JOBS + "jobs/job_0/cancel", {}, status=404), {"error": "job not found"})

    def test_capabilities(self):
        told = self.get(JOBS + "capabilities")
        self.assertEqual((told["model"]["name"], told["supported_modes"]), ("sd_tiny", ["img_gen"]))
        self.assertEqual(told["defaults"], told["defaults_by_mode"]["img_gen"])
        self.assertEqual(told["limits"]["max_queue_size"], 64)
        self.assertTrue(told["features"]["cancel_generating"])
        self.assertIn("euler_a", told["samplers"])
        self.assertEqual(self.get(JOBS + "capabilities?model=sd_tiny"), told)
        self.get(JOBS + "capabilities?model=%zz", 422)


class EndTest(WireCase):
    def end_while_running(self, body, drain_seconds):
        self.server = Server("--threads", "1", "--drain-seconds", drain_seconds, model=str(MODEL))
        self.addCleanup(self.server.close)
        path = self.ask(JOBS + "img_gen", body, status=202)["poll_url"]
        self.wait_until(lambda: self.get(path)["status"] == "generating")
        self.server.process.send_signal(signal.SIGTERM)
        return self.server.wait_for("draining") and path

    def test_who_polls_is_let_in_until_the_picture_is_there(self):
        path = self.end_while_running(JOB | {"width": 64, "height": 64, "sample_params": {"sample_steps": 300}}, "60")
        self.assertEqual(self.server.request("GET", "/readyz")[0], 503)
        self.assertIn("shutting down", json.dumps(self.ask(JOBS + "img_gen", JOB, status=503)))
        seen = []
        self.wait_until(lambda: seen.append(self.get(path)) or seen[-1]["status"] != "generating")
        self.assertEqual((len(seen[-1]["result"]["images"]), self.server.process.wait(30)), (1, 0))

    def test_a_job_is_waited_for_no_longer_than_others(self):
        begin = time.monotonic()
        self.end_while_running(LONG_JOB, "2")
        self.assertEqual(self.server.process.wait(30), 0)
        self.assertLess(time.monotonic() - begin, 20)


class TwoModelsTest(ImageCase):
    arguments = ["--model", f"other={MODEL}"]

    def test_capabilities(self):
        for path, name in (("capabilities", "sd_tiny"), ("capabilities?model=other", "other")):
            status, body = self.server.request("GET", JOBS + path)
            self.assertEqual((status, json.loads(body)["model"]["name"]), (200, name))


if __name__ == "__main__":
    unittest.main()
