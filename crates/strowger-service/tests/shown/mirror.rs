/// Rings for two seconds, then answers with what came: a mirror to test a phone with.
struct Mirror;

impl Service for Mirror {
    fn start(&self) -> Box<dyn Instance> {
        script(|call| async move {
            let Event::Incoming { leg, request } = call.next().await else { return };
            call.respond(leg, Response::to(&request, StatusCode::RINGING));
            call.sleep(Duration::from_secs(2)).await;
            let mut answer = Response::to(&request, StatusCode::OK);
            answer.copy_body_from(&request);
            call.respond(leg, answer);
            while !matches!(call.next().await, Event::Ended { .. }) {}
        })
    }
}
