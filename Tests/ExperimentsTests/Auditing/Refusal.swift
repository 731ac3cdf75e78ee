import Experiments
import Records

/// Why an audit is refused; nil where it is not.
func refusal(_ request: AuditRequest) -> Diagnosis? {
  do {
    _ = try Experiment.audit(request)
    return nil
  } catch { return Diagnosis(describing: error) }
}
